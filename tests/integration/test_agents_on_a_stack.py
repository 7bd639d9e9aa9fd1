"""The Model Context Protocol with its own client, against a running stack: estimate, train, wait, look, promote."""

import base64
import json
from typing import Any

import httpx
import mcp
import pytest
from mcp.types import BlobResourceContents, CallToolResult, ImageContent, TextContent

from tests.running import Stack

pytestmark = pytest.mark.anyio

TRAINING = {
    "architecture": "lenet5-fashion",
    "dataset": "fashion_mnist_sample",
    "epochs": 2,
    "train_samples": 300,
    "validation": "test",
    "model": "by-agent",
}
OF_DATASET: dict[str, object] = {"dataset": "fashion_mnist_sample", "index": 3}


async def use(client: mcp.Client, tool: str, **arguments: object) -> dict[str, object]:
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    assert isinstance(found.content[-1], TextContent)
    assert json.loads(found.content[-1].text) == found.structured_content
    return dict(found.structured_content or {})


async def listed(client: mcp.Client, tool: str, member: str, **arguments: object) -> list[dict[str, Any]]:
    found = (await use(client, tool, **arguments))[member]
    assert isinstance(found, list)
    return found


def text_of(found: CallToolResult) -> str:
    assert isinstance(found.content[0], TextContent)
    return found.content[0].text


async def picture(client: mcp.Client, tool: str, **arguments: object) -> bytes:
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    assert isinstance(found.content[0], ImageContent)
    return base64.b64decode(found.content[0].data)


async def trained(client: mcp.Client) -> str:
    assert (await use(client, "estimate_training", **TRAINING))["jobs"]
    job = await use(client, "train", **TRAINING, idempotency_key="once")
    assert (await use(client, "train", **TRAINING, idempotency_key="once"))["id"] == job["id"]
    for _ in range(20):
        found = await client.call_tool("wait_for_job", {"job_id": job["id"], "timeout_s": 20})
        state = (found.structured_content or {})["state"]
        if state not in ("queued", "running"):
            break
        assert "call wait_for_job again" in text_of(found)
    assert state == "succeeded"
    return str(job["id"])


async def test_an_agent_estimates_trains_waits_looks_and_promotes(stack: Stack, api: httpx.Client) -> None:
    async with mcp.Client(f"{stack.url}/mcp") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"train", "wait_for_job", "predict", "explain", "set_alias"} <= names
        assert any(line["name"] == "lenet5" for line in (await listed(client, "list_architectures", "architectures")))
        job_id = await trained(client)
        assert (await listed(client, "list_jobs", "jobs", model="by-agent"))[0]["id"] == job_id
        assert (await use(client, "compare_runs", jobs=job_id))["verdict"]
        predictions = await listed(client, "predict", "predictions", model="by-agent", top_k=10, **OF_DATASET)
        assert len(predictions[0]["top_k"]) == 10
        pictures: dict[str, dict[str, object]] = {
            "show_curves": {"job_id": job_id},
            "show_comparison": {"jobs": job_id},
            "show_dataset": {"name": "fashion_mnist_sample"},
            "show_mistakes": {"model": "by-agent/1"},
            "explain": {"model": "by-agent", **OF_DATASET},
            "show_maps": {"model": "by-agent@best", **OF_DATASET},
        }
        for tool, arguments in pictures.items():
            assert (await picture(client, tool, **arguments)).startswith(b"\x89PNG"), tool
        assert (await use(client, "what_if", model="by-agent", shift="-2,2", **OF_DATASET))["model"] == "by-agent"
        await use(client, "set_alias", name="by-agent", alias="production", version=1)
        log = await client.call_tool("get_job_log", {"job_id": job_id})
        assert not log.is_error
        again = await client.call_tool("finish_job", {"job_id": job_id})
        assert not again.is_error
        wrong = await client.call_tool("train", {**TRAINING, "epochs": 0})
        assert wrong.is_error
        assert "epochs" in text_of(wrong)
    assert api.get("/models/by-agent/aliases/production").json()["version"] == 1


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_every_revision_of_the_protocol_reads_resources(stack: Stack, mode: str) -> None:
    async with mcp.Client(f"{stack.url}/mcp", mode=mode) as client:
        assert (await client.list_tools()).tools
        templates = (await client.list_resource_templates()).resource_templates
        assert "convserve://jobs/{job_id}/curves.png" in [each.uri_template for each in templates]
        resources = (await client.list_resources()).resources
        assert resources[0].uri == "convserve://llms.txt"
        read = await client.read_resource("convserve://datasets/fashion_mnist_sample/preview.png")
        assert isinstance(read.contents[0], BlobResourceContents)
        assert base64.b64decode(read.contents[0].blob).startswith(b"\x89PNG")
        with pytest.raises(mcp.MCPError):
            await client.read_resource("convserve://keys")
