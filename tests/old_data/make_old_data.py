"""Runs an early commit of this repository and packs its data directory, for the test that opens it.

    python tests/old_data/make_old_data.py COMMIT tests/old_data/NAME.tar.gz

The server is that commit's own code, in a worktree of its own, with the packages of this interpreter. It trains a tiny
network, names it by an alias, predicts, and is stopped while one job waits and one is cancelled. Pictures and the
trainer's other large files are left out to keep the archive small; the manifest still names them.
"""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

PROJECT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8431"
LEFT_OUT = (".png", "mistakes.json", ".svg", ".npz", "convserve.lock", "valkey.log", "valkey.conf")
NETWORK = {
    "layers": [
        {"type": "conv2d", "filters": 2, "kernel_size": 3, "activation": "relu"},
        {"type": "global_average_pooling2d"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}
JOB = {"architecture": NETWORK, "dataset": "fashion_mnist_sample", "epochs": 2, "train_samples": 200, "model": "old"}


def ask(method: str, path: str, body: object = None, kind: str = "application/json") -> Any:  # noqa: ANN401 - JSON
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": kind}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def wait_until_ready() -> None:
    for _ in range(600):
        try:
            ask("GET", "/healthz")
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the old server did not answer")


def picture() -> bytes:
    buffer = io.BytesIO()
    pixels = bytes((31 * x + 17 * y * x) % 256 for y in range(28) for x in range(28))
    Image.frombytes("L", (28, 28), pixels).save(buffer, "PNG")
    return buffer.getvalue()


def use() -> dict[str, Any]:
    """Make some data, and return what must be found again."""
    done = ask("POST", "/jobs", JOB)
    while (job := ask("GET", f"/jobs/{done['id']}"))["state"] not in {"succeeded", "failed"}:
        time.sleep(1)
    ask("PUT", "/models/old/aliases/champion", {"version": 1})
    running = ask("POST", "/jobs", JOB | {"epochs": 500, "model": "later"})
    cancelled, waiting = ask("POST", "/jobs", JOB), ask("POST", "/jobs", JOB | {"model": "waiting"})
    ask("POST", f"/jobs/{cancelled['id']}/cancel")
    answer = ask("POST", "/models/old/aliases/champion/predict?top_k=10", picture(), "image/png")
    return {
        "job": job,
        "running": running["id"],
        "cancelled": cancelled["id"],
        "waiting": waiting["id"],
        "picture": base64.b64encode(picture()).decode(),
        "answer": answer,
    }


def main(commit: str, target: Path) -> None:
    """Make the archive."""
    with tempfile.TemporaryDirectory() as directory:
        code, data = Path(directory) / "code", Path(directory) / "data"
        subprocess.run(["git", "worktree", "add", "--detach", str(code), commit], cwd=PROJECT, check=True)
        environment = os.environ | {
            "CONVSERVE_TRAINER_NICENESS": "0",
            "PYTHONPATH": str(code),
            "CONVSERVE_DATA_DIR": str(data),
            "CONVSERVE_PORT": "8431",
        }
        server = subprocess.Popen([sys.executable, "-m", "service.cli", "up"], cwd=code, env=environment)
        try:
            wait_until_ready()
            found = use()
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
            subprocess.run(["git", "worktree", "remove", "--force", str(code)], cwd=PROJECT, check=True)
        (data / "expected.json").write_text(json.dumps(found))
        with tarfile.open(target, "w:gz") as archive:
            for path in sorted(path for path in data.rglob("*") if path.is_file()):
                if not path.name.endswith(LEFT_OUT) and "datasets" not in path.parts:
                    archive.add(path, path.relative_to(data))


main(sys.argv[1], Path(sys.argv[2]))
