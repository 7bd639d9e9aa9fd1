"""The Python client against a running stack: a training is submitted, waited for, asked and looked into."""

from pathlib import Path

import convserve
import pytest
from PIL import Image

from tests.running import Stack

pytestmark = pytest.mark.anyio


def test_train_wait_predict_look(stack: Stack, tmp_path: Path) -> None:
    Image.effect_noise((40, 30), 60).save(tmp_path / "noise.png")
    with convserve.Client(stack.url) as client:
        job = client.train(
            "lenet5-fashion", "fashion_mnist_sample", epochs=2, train_samples=200, validation="test", model="by-client"
        )
        assert job.wait(timeout_s=300, progress=False).model == "by-client/1"
        assert job.history["epoch"] == [1.0, 2.0]
        assert len(job.history.rows()) == 2
        assert "loss" in job.history.rows()[0]
        assert job.log()
        assert client.job(job.id).test_accuracy == job.test_accuracy
        assert job.id in [each.id for each in client.jobs(state="succeeded", limit=100)]
        found = client.predict(tmp_path / "noise.png", "by-client", top_k=10)
        assert sum(line.probability for line in found.top_k) == pytest.approx(1, abs=1e-5)
        layers = client.look(tmp_path / "noise.png", "by-client/1")["layers"]
        assert layers
        assert client.download("by-client/1", "curves.png", tmp_path).read_bytes().startswith(b"\x89PNG")
        assert client.compare(job)["verdict"]


async def test_the_same_with_await(stack: Stack) -> None:
    async with convserve.AsyncClient(stack.url) as client:
        assert [each["name"] for each in await client.datasets()]
        with pytest.raises(convserve.ServerRefused, match="epochs"):
            await client.train("cnn", "fashion_mnist_sample", epochs=0)
