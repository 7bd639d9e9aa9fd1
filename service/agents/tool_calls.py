"""Runs a tool: one call of its route, or several where it waits for a job or takes a picture of a dataset."""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from service.agents.arguments import ArgumentInvalid, Arguments, call_of, picture_call, with_picture
from service.agents.content import Result, failed, result_of
from service.agents.descriptions import LONGEST_WAIT_S, USUAL_WAIT_S
from service.agents.loopback import Call, Loopback, Reply
from service.agents.operations import Operation
from worker.jobs.states import FINISHED

LONGEST_CALL_S = 55
"""Many clients give up an answer after 60 s."""
POLLS_S = (0.2, 0.5, 1.0, 2.0)
"""Pauses between two looks at a job; the last one is repeated. Each look is a line in the access log."""


async def run_tool(operation: Operation, arguments: Arguments, loopback: Loopback) -> Result:
    """What a tool returns; its errors are results, too, so that the language model sees them.

    Args:
        operation: the tool.
        arguments: as the client sent them.
        loopback: calls routes for this client.
    """
    try:
        async with asyncio.timeout(LONGEST_CALL_S):
            return await _run(operation, arguments, loopback)
    except ArgumentInvalid as error:
        return failed(f"{error}.")
    except TimeoutError:
        return failed(f"{operation.name} took longer than {LONGEST_CALL_S} s and was stopped; ask for less, or later.")


async def _run(operation: Operation, arguments: Arguments, loopback: Loopback) -> Result:
    fetching = picture_call(operation, arguments)
    if fetching is not None:
        reply = await loopback.send(fetching)
        if reply.status != 200:
            return result_of(reply)
        arguments = with_picture(arguments, base64.b64encode(reply.body).decode())
    call = call_of(operation, arguments)
    if operation.is_waited_for:
        return await _wait(call, _seconds(arguments), loopback)
    return result_of(await loopback.send(call))


async def _wait(call: Call, timeout_s: float, loopback: Loopback) -> Result:
    """Look at a job until it has ended, or the time is over."""
    ends_at, looks = time.monotonic() + timeout_s, 0
    while True:
        reply = await loopback.send(call)
        job = _job(reply)
        left_s = ends_at - time.monotonic()
        if job is None or job.get("state") in FINISHED:
            return result_of(reply)
        if left_s <= 0:
            return result_of(reply, f"The job is still {job.get('state')}; call wait_for_job again.")
        await asyncio.sleep(min(left_s, POLLS_S[min(looks, len(POLLS_S) - 1)]))
        looks += 1


def _job(reply: Reply) -> Mapping[str, Any] | None:
    if reply.status != 200 or reply.is_cut:
        return None
    found: Mapping[str, Any] = json.loads(reply.body)
    return found


def _seconds(arguments: Arguments) -> float:
    given = arguments.get("timeout_s", USUAL_WAIT_S)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= LONGEST_WAIT_S:
        raise ArgumentInvalid(f"timeout_s is out of range; expected 0 to {LONGEST_WAIT_S} seconds, got {given!r:.40}")
    return float(given)
