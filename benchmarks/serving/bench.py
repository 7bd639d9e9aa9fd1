"""Asks servers the same things on the same core, one after the other, and puts their figures beside each other."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.load import Figures
from benchmarks.serving.pictures import MANY, form_request, jpeg_request, photo_request, raw_request, tensor_request
from benchmarks.serving.servers import (
    CLIENT_CORE,
    CONVSERVE,
    NOOP,
    SERVER_CORE,
    Running,
    Server,
    anonymous_mb,
    pss_mb,
    running,
)

FEW, MOST, BULK = 8, 64, 2
"""Connections: of the two ratios of requests, of p99 ÷ p50, of those with 64 pictures each."""
TENTHS = 5
"""Of a second, for which ONNX Runtime runs alone before and after every server."""


class Bench:
    """Asks one server after the other."""

    def __init__(self, directory: Path, priority: Sequence[str], seconds: float) -> None:
        """Begin.

        Args:
            directory: of `benchmarks.serving.store`.
            priority: a command before every command.
            seconds: of every run.
        """
        self._directory = directory
        self._priority = priority
        self._seconds = seconds

    def trial(self, others: Sequence[Server]) -> dict[str, Any]:
        """Every server once, and what follows."""
        alone = self._onnxruntime_alone()
        answers: dict[str, Any] = {}
        for server in (NOOP, CONVSERVE, *others):
            answers[server.name] = self._measure(server)
            alone += self._onnxruntime_alone()
        return {"figures": _figures(answers, statistics.median(alone)), "alone_per_s": alone, "servers": answers}

    def _measure(self, server: Server) -> dict[str, Any]:
        form = form_request(server.form_path, 1, server.field)
        found: dict[str, Any] = {}
        with running(server, self._directory, form, self._priority) as there:
            found["first_answer_s"] = there.first_answer_s
            found["form"] = self._ask(there, form, FEW)
            if server.raw_path is not None:
                found["raw"] = self._ask(there, raw_request(server.raw_path), FEW)
            found["pss_mb"] = pss_mb(there.pid)
            found["anonymous_mb"] = anonymous_mb(there.pid)
            found["form_64_connections"] = self._ask(there, form, MOST)
            if server.takes_many:
                found["many"] = self._ask(there, form_request(server.form_path, MANY, server.field), BULK)
            if server.takes_tensors:  # only convserve
                found["jpeg"] = self._ask(there, jpeg_request(str(server.raw_path)), FEW)
                found["tensor"] = self._ask(there, tensor_request("cnn"), BULK)
                found["photo"] = self._ask(there, photo_request(str(server.raw_path)), 1)
            found["pss_mb_at_the_end"] = pss_mb(there.pid)
        return found

    def _ask(self, there: Running, request: bytes, connections: int) -> dict[str, Any]:
        file = self._directory / "request"
        file.write_bytes(request)
        client = [sys.executable, "-m", "benchmarks.serving.load", str(there.port), str(file)]
        pinned = [*self._priority, "taskset", "-c", str(CLIENT_CORE)]
        told = subprocess.run(
            [*pinned, *client, str(connections), str(self._seconds)], check=True, capture_output=True, text=True
        ).stdout
        return asdict(Figures(**json.loads(told)))

    def _onnxruntime_alone(self) -> list[float]:
        """Pictures per second of ONNX Runtime, tenth by tenth of a second.

        It is measured again around every server, since the machine is not equally fast all the time; the median of
        all tenths of a trial is what the servers are compared with.
        """
        script = f"from benchmarks.serving.bench import alone; print(alone({str(self._directory)!r}))"
        command = [*self._priority, "taskset", "-c", str(SERVER_CORE), sys.executable, "-c", script]
        rates: list[float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return rates


def alone(directory: str, batch: int = 32) -> list[float]:
    """What `Bench` runs in a process of its own: one thread, batches of 32, the first tenth of a second left out."""
    import onnxruntime  # noqa: PLC0415 - the benchmark itself needs none

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{directory}/model.onnx", options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(1).random((batch, 32, 32, 3), dtype=np.float32)
    rates = []
    for _ in range(TENTHS + 1):
        began_at, n_runs = time.perf_counter(), 0
        while time.perf_counter() - began_at < 0.1:
            session.run(["probabilities"], {"images": images})
            n_runs += 1
        rates.append(n_runs * batch / (time.perf_counter() - began_at))
    return rates[1:]


def medians(trials: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of every figure, over the trials."""
    figures = [trial["figures"] for trial in trials]
    return {name: round(statistics.median(found[name] for found in figures), 4) for name in figures[0]}


def _figures(answers: dict[str, Any], alone_per_s: float) -> dict[str, float]:
    noop = answers[NOOP.name]
    figures = {
        "onnxruntime_alone_pictures_per_s": alone_per_s,
        "noop_form_per_s": noop["form"]["per_s"],
        "noop_raw_per_s": noop["raw"]["per_s"],
        "noop_p99_to_p50": _p99_to_p50(noop),
        "tensor_to_onnxruntime": answers[CONVSERVE.name]["tensor"]["per_s"] * MANY / alone_per_s,
    }
    for name, found in answers.items():
        if found is not noop:
            figures |= {f"{name}: {key}": value for key, value in _ratios(found, noop, alone_per_s).items()}
    return figures


def _ratios(found: dict[str, Any], noop: dict[str, Any], alone_per_s: float) -> dict[str, float]:
    ratios = {
        "form_to_noop": found["form"]["per_s"] / noop["form"]["per_s"],
        "form_per_s": found["form"]["per_s"],
        "p99_to_p50": _p99_to_p50(found),
        "first_answer_s": found["first_answer_s"],
        "pss_mb": found["pss_mb"],
        "anonymous_mb": found["anonymous_mb"],
    }
    if "raw" in found:
        ratios["raw_to_noop"] = found["raw"]["per_s"] / noop["raw"]["per_s"]
    if "tensor" in found:
        ratios["tensor_to_onnxruntime"] = found["tensor"]["per_s"] * MANY / alone_per_s
        ratios["jpeg_to_png"] = found["jpeg"]["per_s"] / found["raw"]["per_s"]
        ratios["photo_p50_ms"] = found["photo"]["p50_ms"]
    if "many" in found:
        ratios["many_to_onnxruntime"] = found["many"]["per_s"] * MANY / alone_per_s
    return ratios


def _p99_to_p50(found: dict[str, Any]) -> float:
    busy = found["form_64_connections"]
    return float(busy["p99_ms"] / busy["p50_ms"])
