"""Looks inside versions: milliseconds of each, and p50 of `/predict` before, after and during looks.

    python -m benchmarks.inside --store DIR --model NAME [NAME ...] --picture FILE [--predictions 300]

`--store` is the store of a stack that has trained something; the latest version of each model is asked. Needs no worker
and no Redis, and takes less than a minute for each model. Writes `benchmarks/results/inside.json`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.meanwhile import meanwhile
from benchmarks.serving.machine import machine
from tests.running import free_port

RESULTS = Path(__file__).parent / "results"
PATIENCE_S = 60
LOOKS = {
    "maps, JSON": "maps",
    "maps, PNG": "maps?format=png",
    "occlusion": "explain?method=occlusion",
    "occlusion, PNG": "explain?method=occlusion&format=png",
    "Grad-CAM": "explain?method=gradcam",
    "what-if, 5 shifts": "what-if?shift=-4,-2,0,2,4",
}
TRIALS = 7


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--predictions", type=int, default=300)
    arguments = parser.parse_args()
    picture = arguments.picture.read_bytes()
    with _api(arguments.store) as url, httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        report = {
            model: _measured(client, url, f"/models/{model}", picture, arguments.predictions)
            for model in arguments.model
        }
    text = json.dumps({"machine": machine("onnxruntime"), "models": report}, indent=1)
    (RESULTS / "inside.json").write_text(text + "\n")
    print(text)


def _measured(client: httpx.Client, url: str, model: str, picture: bytes, n_predictions: int) -> dict[str, object]:
    number = client.get(model).raise_for_status().json()["latest"]
    predict, inside = f"{model}/versions/{number}/predict", f"{model}/versions/{number}"
    _p50_ms(client, predict, picture, n_predictions // 3)
    before = _p50_ms(client, predict, picture, n_predictions)
    looks = {name: _p50_ms(client, f"{inside}/{path}", picture, TRIALS) for name, path in LOOKS.items()}
    after = _p50_ms(client, predict, picture, n_predictions)
    with _looking(url, f"{inside}/explain", picture):
        during = _p50_ms(client, predict, picture, n_predictions)
    return {"looks_p50_ms": looks, "predict_p50_ms": {"before": before, "after": after, "during occlusions": during}}


def _p50_ms(client: httpx.Client, path: str, picture: bytes, times: int) -> float:
    taken = []
    for _ in range(times):
        began_at = time.perf_counter()
        client.post(path, content=picture, headers={"content-type": "image/png"}).raise_for_status()
        taken.append(1000 * (time.perf_counter() - began_at))
    return round(statistics.median(taken), 3)


def _looking(url: str, path: str, picture: bytes) -> AbstractContextManager[None]:
    """One client that asks for one explanation after the other."""

    def look(is_over: threading.Event) -> None:
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
            while not is_over.is_set():
                client.post(path, content=picture, headers={"content-type": "image/png"})

    return meanwhile(look)


@contextmanager
def _api(store: Path) -> Iterator[str]:
    port = free_port()
    with TemporaryDirectory() as data:
        settings = {"CONVSERVE_STORE_URL": str(store.absolute()), "CONVSERVE_DATA_DIR": data}
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "api", "--port", str(port)],
            env=os.environ | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + PATIENCE_S
            while not _is_up(url):
                if time.monotonic() > deadline:
                    raise TimeoutError("the API does not answer")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
