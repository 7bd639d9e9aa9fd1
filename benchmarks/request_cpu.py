"""What one request costs, by kind: one process, the real protocol and application, no socket and no client.

    python -m benchmarks.request_cpu --store DIR --model NAME [--against CHECKOUT] [--rounds 9]

Identical requests are fed to the protocol of a connection whose transport only collects. Two figures are the least of
all rounds: CPU time, and the bytecodes that Python executes, which no busy machine changes. `--against` measures
another checkout of the project in turns with this one, so that both meet the same machine. `--store` is a store with a
version of 32 x 32 x 3 pictures, such as `benchmarks.serving.store` makes.
"""

import argparse
import asyncio
import base64
import gc
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import numpy as np
import uvicorn
from PIL import Image

from service.app import create_app
from service.fast.protocol import FastProtocol
from service.settings import ApiSettings

SIDE = 32
BATCH_S = 0.1
"""Requests are counted in batches of about this much CPU time."""
KEY = "cs_benchmark_0123456789abcdefghijklmnopqrstuv"


def main() -> None:
    """Measure the kinds of requests, here or in two checkouts in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="kinds with this in their name")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        asyncio.run(_measure(arguments.store, arguments.model, arguments.only))
        return
    here = Path.cwd()
    checkouts = [here] if arguments.against is None else [arguments.against, here]
    least: list[dict[str, list[float]]] = [{} for _ in checkouts]
    for _ in range(arguments.rounds):
        for checkout, found in zip(checkouts, least, strict=True):
            for kind, costs in _in_child(checkout, arguments).items():
                found[kind] = list(map(min, costs, found.get(kind, costs)))
    for kind, (us, bytecodes) in least[-1].items():
        before = "".join(f"   before {first:9.1f} us {codes:7.0f} bytecodes" for first, codes in [least[0][kind]])
        print(f"{kind:40}{us:9.1f} us {bytecodes:7.0f} bytecodes{before if arguments.against else ''}")


def _in_child(checkout: Path, arguments: argparse.Namespace) -> dict[str, list[float]]:
    command = [sys.executable, str(Path(__file__)), "--child", "--store", str(arguments.store.resolve())]
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve()), "CONVSERVE_LOG_LEVEL": "warning"}
    done = subprocess.run(
        [*command, "--model", arguments.model, "--only", arguments.only],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


class _Transport(asyncio.Transport):
    """Keeps the last bytes of each answer."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4000), "sockname": ("127.0.0.1", 8000)})
        self.answers: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answers.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return

    def abort(self) -> None:
        return

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


async def _measure(store: Path, model: str, only: str) -> None:
    found: dict[str, list[float]] = {}
    for has_keys in (False, True):
        with TemporaryDirectory() as data:
            options: dict[str, Any] = {"admin_key": KEY} if has_keys else {}
            settings = ApiSettings(
                data_dir=Path(data),
                store_url=str(store),
                redis_url=f"unix://{data}/none.sock",
                inference_threads=1,
                log_level="error",
                **options,
            )
            found |= await _with_settings(settings, model, only, " with keys" if has_keys else "")
    print(json.dumps(found))


async def _with_settings(settings: ApiSettings, model: str, only: str, suffix: str) -> dict[str, list[float]]:
    app = create_app(settings)
    config = uvicorn.Config(app, http=FastProtocol, log_config=None, access_log=False, lifespan="off")
    config.load()
    key = f"Authorization: Bearer {KEY}\r\n" if suffix else ""
    found = {}
    async with app.router.lifespan_context(app) as opened:
        state: dict[str, Any] = {**(opened or {})}
        for kind, request in _requests(model, key).items():
            if only in kind + suffix:
                found[kind + suffix] = await _costs(config, state, request)
    return found


async def _costs(config: uvicorn.Config, state: dict[str, Any], request: bytes) -> list[float]:
    server_state = uvicorn.server.ServerState()
    protocol = FastProtocol(config=config, server_state=server_state, app_state=state)
    transport = _Transport()
    protocol.connection_made(transport)

    async def ask() -> None:
        transport.answers.clear()
        before = server_state.total_requests
        protocol.data_received(request)
        while server_state.total_requests == before:
            await asyncio.sleep(0)

    for _ in range(30):
        await ask()
    if not transport.answers[0].startswith(b"HTTP/1.1 200"):
        raise SystemExit(b"".join(transport.answers)[:2000].decode())
    bytecodes = min([await _bytecodes(ask) for _ in range(3)])
    began = time.process_time()
    await ask()
    n = max(3, int(BATCH_S / max(1e-5, time.process_time() - began)))
    gc.collect()
    gc.freeze()
    best = 1e9
    for _ in range(5):
        began = time.process_time()
        for _ in range(n):
            await ask()
        best = min(best, (time.process_time() - began) / n)
    protocol.connection_lost(None)
    return [best * 1e6, bytecodes]


async def _bytecodes(ask: Callable[[], Awaitable[None]]) -> float:
    n = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal n
        n += event == "opcode"
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return trace

    sys.settrace(trace)
    try:
        await ask()
    finally:
        sys.settrace(None)
    return n


def _requests(model: str, key: str) -> dict[str, bytes]:
    png, jpeg = _picture("PNG"), _picture("JPEG")
    path, encoded = f"/models/{model}/predict", base64.b64encode(png).decode()
    tensor = f"/v2/models/{model}/infer"

    def post(path: str, body: bytes, content_type: str, more: str = "") -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost:8000\r\n{key}Content-Type: {content_type}\r\n{more}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def form(picture: bytes, n: int, kind: str) -> bytes:
        part = f'--b0\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: {kind}\r\n\r\n'
        body = (part.encode() + picture + b"\r\n") * n + b"--b0--\r\n"
        return post(path, body, "multipart/form-data; boundary=b0")

    def infer(n: int) -> bytes:
        pixels = np.random.default_rng(1).integers(0, 256, (n, SIDE, SIDE, 3), np.uint8).tobytes()
        about = {"binary_data_size": len(pixels)}
        inputs = [{"name": "images", "datatype": "UINT8", "shape": [n, SIDE, SIDE, 3], "parameters": about}]
        outputs = [{"name": "probabilities", "parameters": {"binary_data": True}}]
        head = json.dumps({"inputs": inputs, "outputs": outputs}).encode()
        length = f"Inference-Header-Content-Length: {len(head)}\r\n"
        return post(tensor, head + pixels, "application/octet-stream", length)

    def images(n: int, query: str = "") -> bytes:
        text = json.dumps({"images": [{"b64": encoded}] * n}).encode()
        return post(path + query, text, "application/json")

    return {
        "PNG in a form": form(png, 1, "image/png"),
        "PNG raw": post(path, png, "image/png"),
        "JPEG raw": post(path, jpeg, "image/jpeg"),
        "64 PNGs in a form": form(png, 64, "image/png"),
        "64 JPEGs in a form": form(jpeg, 64, "image/jpeg"),
        "tensor of 1": infer(1),
        "tensor of 64": infer(64),
        "PNG in JSON": images(1),
        "64 PNGs in JSON": images(64),
        "PNG raw, by the routes": b"PUT " + post(path, png, "image/png")[5:],
        "PNG in a form, by the routes": b"PUT " + form(png, 1, "image/png")[5:],
    }


def _picture(kind: str) -> bytes:
    """A photograph-like picture: smooth, with some noise, so that PNG filters and JPEG have work to do."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    noise = np.random.default_rng(2).normal(0, 12, (SIDE, SIDE, 3))
    waves = np.stack([128 + 90 * np.sin(rows / 7 + k) * np.cos(columns / (5 + k)) for k in range(3)], axis=2)
    file = io.BytesIO()
    Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


if __name__ == "__main__":
    main()
