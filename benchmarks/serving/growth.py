"""How the cost of an answer grows: with pictures, connections, models, the size of a picture, and API processes.

    nice -n -20 python -m benchmarks.serving.growth [--only pictures,sizes] [--seconds 1.2] [--rounds 2]

The preset `cnn`, as in `benchmarks.serving`. Costs are processor time of the server per request, which a busy machine
changes less than seconds; each is the least of some rounds. Only API processes are also told by the clock, with bodies
of 64 PNGs: the client needs a thirtieth of a core for these, so that both cores are left to the servers.

Writes `benchmarks/results/serving_growth.json`, which `benchmarks.serving.growth_picture` draws; what `--only` leaves
out stays as it was.
"""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.scale.growth import cpu_s
from benchmarks.serving.load import ask
from benchmarks.serving.machine import machine
from benchmarks.serving.pictures import MANY, form_request, photo, tensor_request
from benchmarks.serving.servers import CLIENT_CORE, CONVSERVE, SERVER_CORE, Running, pss_mb, running
from benchmarks.serving.store import MODEL, publish
from model_store import open_store

RESULTS = Path(__file__).parents[1] / "results" / "serving_growth.json"
PICTURES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MODELS = (1, 2, 4, 8, 16, 32, 64)
SIDES = (32, 64, 128, 256, 512, 1024, 2048, 4000)
GRAIN = 2
"""Levels; with more, a PNG of 16 million pixels would be larger than a picture may be."""
PARAMETERS = 226_390
FEW = 8
ROUNDS_OF_PROCESSES = 4
"""In turns, of which the fastest of each counts: the clock tells more of other programs than processor time."""
PATH = f"/models/{MODEL}/predict"
WIDE = {"CONVSERVE_MAX_PICTURES": "256", "CONVSERVE_MAX_PICTURE_BYTES": str(32 * 2**20)}


class Growth:
    """Measures one curve after the other."""

    def __init__(self, directory: Path, seconds: float, rounds: int) -> None:
        """Begin.

        Args:
            directory: of `benchmarks.serving.store`.
            seconds: of every run.
            rounds: of which the least counts.
        """
        self._directory = directory
        self._seconds = seconds
        self._rounds = rounds

    def pictures(self) -> list[dict[str, float]]:
        """Microseconds of a request with so many pictures, as PNGs in a form and as a binary tensor."""
        with self._server() as there:
            return [
                {
                    "pictures": n,
                    "png_us": self._least(partial(self._cost_us, there, form_request(PATH, n), 2)),
                    "tensor_us": self._least(partial(self._cost_us, there, tensor_request(MODEL, n), 2)),
                }
                for n in PICTURES
            ]

    def connections(self) -> list[dict[str, float]]:
        """Microseconds of a request with one PNG, asked by so many connections at once."""
        request = form_request(PATH, 1)
        with self._server() as there:
            return [
                {"connections": n, "us": self._least(partial(self._cost_us, there, request, n))} for n in CONNECTIONS
            ]

    def models(self) -> list[dict[str, float]]:
        """Memory of the process with so many models loaded, and microseconds of a request when they take turns."""
        names = [f"{MODEL}-{number}" for number in range(MODELS[-1])]
        scorer = open_store((self._directory / "store").as_uri()).read(MODEL, 1, "unusual.onnx")
        for name in names:
            publish(self._directory, name, PARAMETERS, scorer)
        requests = [form_request(f"/models/{name}/predict", 1) for name in names]
        rows = []
        with self._server() as there:
            for n in MODELS:
                self._cost_us(there, requests[:n], 1)  # loads them
                row = {"models": n, "us": self._least(partial(self._cost_us, there, requests[:n], FEW))}
                rows.append(row | {"pss_mb": round(pss_mb(there.pid), 1)})
        return rows

    def sizes(self) -> list[dict[str, float]]:
        """Milliseconds of a request with one square picture of so many pixels on a side."""
        rows: list[dict[str, float]] = []
        with self._server() as there:
            for side in SIDES:
                row: dict[str, float] = {"side": side}
                for kind in ("JPEG", "PNG"):
                    body = photo(side, side, GRAIN, kind)
                    cost_us = self._least(partial(self._cost_in_turn_us, there, kind, body))
                    row |= {f"{kind.lower()}_ms": cost_us / 1000, f"{kind.lower()}_bytes": len(body)}
                rows.append(row)
        return rows

    def processes(self) -> list[dict[str, Any]]:
        """Microseconds of a request with one PNG and with 64, and requests with 64 a second, on both cores.

        One and two processes take turns, and so do one and two copies of ONNX Runtime alone, which show what the
        second core adds to work that shares nothing.
        """
        cores, one, many = f"{SERVER_CORE},{CLIENT_CORE}", form_request(PATH, 1), form_request(PATH, MANY)
        rows: list[dict[str, Any]] = []
        with self._server(1, cores) as first, self._server(2, cores) as second:
            servers = {1: first, 2: second}
            for n, there in servers.items():
                one_us = self._least(partial(self._cost_us, there, one, FEW * n))
                many_us = self._least(partial(self._cost_us, there, many, FEW * n))
                rows.append({"processes": n, "png_us": one_us, "many_us": many_us})
            for _ in range(ROUNDS_OF_PROCESSES):
                for row, (n, there) in zip(rows, servers.items(), strict=True):
                    figures = asyncio.run(ask(there.port, many, 2 * FEW, 2 * self._seconds))
                    _keep_most(row, "many_per_s", figures.per_s)
                    _keep_most(row, "alone_pictures_per_s", self._alone_per_s(n))
        return rows

    def _alone_per_s(self, n: int) -> float:
        script = f"from benchmarks.serving.bench import alone; print(alone({str(self._directory)!r}))"
        copies = [
            subprocess.Popen(
                ["taskset", "-c", str(core), sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
            )
            for core in (SERVER_CORE, CLIENT_CORE)[:n]
        ]
        return float(sum(statistics.median(json.loads(copy.communicate()[0])) for copy in copies))

    def _server(self, processes: int = 1, cores: str = str(SERVER_CORE)) -> AbstractContextManager[Running]:
        command = [*CONVSERVE.command, "--workers", str(processes)]
        server = replace(CONVSERVE, command=command, environment={**(CONVSERVE.environment or {}), **WIDE})
        return running(server, self._directory, form_request(PATH, 1), (), cores)

    def _least(self, cost: Callable[[], float]) -> float:
        cost()  # the first time, much is new to the process
        return round(min(cost() for _ in range(self._rounds)), 1)

    def _cost_us(self, there: Running, request: bytes | Sequence[bytes], connections: int) -> float:
        """Processor time of a request when so many connections ask again as soon as they are answered."""
        before_s = used_s(there.pid)
        figures = asyncio.run(ask(there.port, request, connections, self._seconds))
        if figures.others:
            raise SystemExit(f"predictions were answered {figures.others}")
        return 1e6 * (used_s(there.pid) - before_s) / figures.answers_in_all

    def _cost_in_turn_us(self, there: Running, kind: str, body: bytes) -> float:
        """Processor time of a request when one follows the other; exact, however long each takes."""
        client = http.client.HTTPConnection("127.0.0.1", there.port)
        before_s, n = used_s(there.pid), 0
        while n < 3 or used_s(there.pid) - before_s < self._seconds / 2:
            client.request("POST", PATH, body, {"Content-Type": f"image/{kind.lower()}"})
            answer = client.getresponse()
            if (answer.read(), answer.status)[1] != 200:
                raise SystemExit(f"a {kind} of {len(body)} bytes was answered {answer.status}")
            n += 1
        client.close()
        return 1e6 * (used_s(there.pid) - before_s) / n


def _keep_most(row: dict[str, Any], name: str, figure: float) -> None:
    row[name] = max(row.get(name, 0.0), round(figure, 1))


def used_s(pid: int) -> float:
    """Processor time of a process and its descendants so far."""
    process = psutil.Process(pid)
    return cpu_s([process, *process.children(recursive=True)])


def slope(rows: Sequence[dict[str, float]], across: str, figure: str) -> float:
    """How much a figure grows with each one more, by the straight line that lies closest in proportion."""
    x, y = (np.array([row[name] for row in rows], float) for name in (across, figure))
    return round(float(np.polyfit(x, y, 1, w=1 / y)[0]), 3)


def slopes(found: dict[str, Any]) -> dict[str, float]:
    """What one more picture, model, million pixels and process comes to."""
    large = [{**row, "megapixels": row["side"] ** 2 / 1e6} for row in found["sizes"] if row["side"] >= 1024]
    one, two = found["processes"]
    return {
        "us_per_png": slope(found["pictures"], "pictures", "png_us"),
        "us_per_picture_of_a_tensor": slope(found["pictures"], "pictures", "tensor_us"),
        "mb_per_model": slope(found["models"], "models", "pss_mb"),
        "jpeg_ms_per_megapixel": slope(large, "megapixels", "jpeg_ms"),
        "png_ms_per_megapixel": slope(large, "megapixels", "png_ms"),
        "two_processes_to_one": round(two["many_per_s"] / one["many_per_s"], 3),
        "two_copies_alone_to_one": round(two["alone_pictures_per_s"] / one["alone_pictures_per_s"], 3),
        "cost_in_two_processes_to_one": round(two["many_us"] / one["many_us"], 3),
    }


def main() -> None:
    """Measure the curves, and write them down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="pictures,connections,models,sizes,processes")
    parser.add_argument("--seconds", type=float, default=1.2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found |= {
        "machine": machine("numpy", "onnxruntime", "pillow"),
        "seconds": options.seconds,
        "rounds": options.rounds,
    }
    with tempfile.TemporaryDirectory(prefix="convserve-growth-") as place:
        subprocess.run([sys.executable, "-m", "benchmarks.serving.store", place], check=True, capture_output=True)
        os.sched_setaffinity(0, {CLIENT_CORE})
        growth = Growth(Path(place), options.seconds, options.rounds)
        for name in options.only.split(","):
            found[name] = getattr(growth, name)()
            print(json.dumps({name: found[name]}), flush=True)
    found["slopes"] = slopes(found)
    print(json.dumps(found["slopes"]))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
