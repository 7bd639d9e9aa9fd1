"""Answers of an API that exists only in a test: the browser's requests never leave it."""

import io
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image
from playwright.sync_api import Route

ORIGIN = "http://localhost:8999"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'"
)


def _pixels() -> bytes:
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((8, 8)).save(picture, "PNG")
    return picture.getvalue()


PIXEL = _pixels()
CLASSES = ["T-shirt/top", "Trouser", "帽子と靴", "Dress"]
LONG_NAME = "a-very-long-name-of-a-model-as-a-student-would-give-it-0123456789"[:63]

Answer = Any
Answering = Callable[[dict[str, list[str]], Any], Answer]


class FakeServer:
    """Serves the bundle, and JSON by path; a test replaces what it is about.

    Attributes:
        answers: JSON, or a function of query and body, by path.
        asked: the requests that came, as `METHOD path?query`.
        is_down: nothing answers.
        key: what every request but those for the page must carry; empty: nothing.
        bundle_bytes: of the page itself that were sent, before compression.
        streams: requests for the event stream, which stay open until the test sends something.
    """

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self.answers: dict[str, Answer | Answering] = world()
        self.asked: list[str] = []
        self.is_down = False
        self.key = ""
        self.bundle_bytes = 0
        self.streams: list[Route] = []
        self.held: dict[str, list[tuple[Route, Answer]]] = defaultdict(list)
        self.to_hold: Callable[[str, Any], bool] = lambda path, body: False

    def answer(self, route: Route) -> None:
        """Answer one request of the browser."""
        url = urlsplit(route.request.url)
        self.asked.append(f"{route.request.method} {url.path}{'?' + url.query if url.query else ''}")
        if self.is_down:
            route.abort("connectionrefused")
        elif url.path == "/" or url.path.startswith("/page/"):
            self._serve(route, "index.html" if url.path == "/" else url.path.removeprefix("/page/"))
        elif self.key and route.request.headers.get("authorization") != f"Bearer {self.key}":
            _fulfill(route, (401, {"title": "Key missing", "detail": "expected a key", "code": "key_missing"}))
        elif url.path == "/events":
            self.streams.append(route)  # open, and silent
        elif url.path.endswith((".png", "/picture")):
            route.fulfill(body=PIXEL, content_type="image/png")
        else:
            self._respond(route, url.path, parse_qs(url.query))

    def release(self, path: str) -> None:
        """Let go of the answer that has been held back longest."""
        route, answer = self.held[path].pop(0)
        _fulfill(route, answer)

    def send_events(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Send events on the stream that is open; it ends then, and the browser opens another."""
        body = "".join(
            f"id: {n}-0\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for n, (kind, data) in enumerate(events)
        )
        self.streams.pop(0).fulfill(body=body, content_type="text/event-stream")

    def record(self, path: str) -> dict[str, Any]:
        """What is answered at a path, as an object of JSON."""
        found = self.answers[path]
        assert isinstance(found, dict)
        return found

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(request.startswith(start) for request in self.asked)

    def _serve(self, route: Route, name: str) -> None:
        path = self._bundle / name
        headers = {"Content-Type": f"{TYPES[path.suffix]}; charset=utf-8", "Content-Security-Policy": POLICY}
        content = path.read_bytes()
        self.bundle_bytes += len(content)
        route.fulfill(body=content, headers=headers)

    def _respond(self, route: Route, path: str, query: dict[str, list[str]]) -> None:
        found = self.answers.get(f"{route.request.method} {path}", self.answers.get(path))
        if found is None:
            _fulfill(route, (404, {"title": "Not found", "detail": f"nothing at {path}", "code": "not_found"}))
            return
        body = route.request.post_data_buffer
        answer = found(query, body) if callable(found) else found
        if self.to_hold(path, body):
            self.held[path].append((route, answer))
        else:
            _fulfill(route, answer)


def _fulfill(route: Route, answer: Answer) -> None:
    status, content = answer if isinstance(answer, tuple) else (200, answer)
    if isinstance(content, str):
        route.fulfill(status=status, body=content, content_type="text/event-stream")
        return
    route.fulfill(status=status, body=json.dumps(content), content_type="application/json")


def job(number: int, state: str = "succeeded", name: str = "clothes", **changes: object) -> dict[str, Any]:
    """A job as `GET /jobs/{id}` has it."""
    epochs = 0 if state == "queued" else 4
    rising = [round(0.5 + 0.1 * epoch, 3) for epoch in range(epochs)]
    history = {"loss": rising[::-1], "accuracy": rising, "val_loss": rising[::-1], "val_accuracy": rising}
    record: dict[str, Any] = {
        "id": f"job{number:06}",
        "state": state,
        "request": {
            "architecture": "lenet5-fashion",
            "dataset": "fashion_mnist_sample",
            "epochs": 8,
            "model": name,
            "seed": number,
            "optimizer": {"name": "sgd", "learning_rate": 0.01},
        },
        "owner": "local",
        "position": number if state == "queued" else None,
        "cancel_requested": False,
        "progress": {"phase": "training", "epoch": epochs, "epochs": 8, "eta_s": 12.0, "images_per_second": 900.0},
        "history": {**history, "best_epoch": epochs or None, "learning_rate": [0.01] * epochs},
        "model": None,
        "error": None,
        "created_at": "2026-01-01T10:00:00Z",
        "started_at": None if state == "queued" else "2026-01-01T10:00:05Z",
        "finished_at": "2026-01-01T10:01:00Z" if state in ("succeeded", "failed", "cancelled") else None,
    }
    if state == "succeeded":
        record["model"] = {"name": name, "version": number, "test_loss": 0.4, "test_accuracy": 0.85}
    return record | changes


def jobs_of(jobs: list[dict[str, Any]]) -> Answering:
    """`GET /jobs` with filter and limit."""

    def listed(query: dict[str, list[str]], _: bytes | None) -> Answer:
        states = query.get("state")
        found = [one for one in jobs if not states or one["state"] in states]
        limit = int(query.get("limit", ["50"])[0])
        return {"jobs": found[:limit], "total": len(found), "offset": 0, "limit": limit, "next": None}

    return listed


def version(number: int, name: str = "clothes", accuracy: float = 0.85) -> dict[str, Any]:
    """A version as its route has it."""
    files = (
        "model.keras",
        "model.onnx",
        "evaluation.json",
        "mistakes.json",
        "history.json",
        "curves.png",
        "layers.json",
        "film.json",
        "trust.json",
    )
    return {
        "model": name,
        "version": number,
        "classes": CLASSES,
        "input_shape": [28, 28, 1],
        "parameters": 61610,
        "metrics": {"test_accuracy": accuracy, "test_loss": 0.4, "val_accuracy": 0.86, "best_val_accuracy": 0.87},
        "dataset": "fashion_mnist_sample",
        "job": f"job{number:06}",
        "published_at": "2026-01-01T10:01:00Z",
        "files": {file: {"sha256": "0" * 64, "size_bytes": 1000} for file in files},
        "aliases": ["champion"] if number == 1 else [],
        "size_bytes": 1_025_783,
        "passed_over": None,
        "doctor": {"worst": "warning"},
        "recipe": {},
        "architecture": {"layers": []},
    }


SPLIT: dict[str, Any] = {"canary": {"version": 2, "weight": 0.1}, "shadow": None}


def did(number: int, requests: int, **changes: object) -> dict[str, Any]:
    """What a version did for an alias."""
    figures = {"requests": requests, "pictures": requests, "errors": 0, "latency_p50_ms": 1.25, "feedback": None}
    return {"version": number, **figures} | changes


FIGURES: dict[str, Any] = {
    "since": "2026-01-02T10:00:00Z",
    "scope": "all processes",
    "stable": did(1, 905, feedback={"pictures": 12, "right": 3, "accuracy": 0.25}),
    "canary": did(2, 1095, errors=2, latency_p50_ms=23.4),
    "shadow": None,
}

FINDINGS = [
    {
        "code": "overfits",
        "severity": "warning",
        "title": "It learns the training pictures by heart.",
        "evidence": {"gap": 0.12, "epoch": 5},
        "advice": "More pictures, dropout or fewer epochs help.",
        "try": {
            "curl": """curl -s localhost:8000/jobs --json '{"architecture": "lenet5-fashion", "dataset": """
            """"fashion_mnist_sample", "epochs": 12, "note": "it'"'"'s slow", "class_weights": "balanced"}'"""
        },
    }
]
EVALUATION = {
    "accuracy": 0.85,
    "top_3_accuracy": 0.97,
    "classes": CLASSES,
    "confusion_matrix": [[80, 5, 10, 5], [2, 95, 1, 2], [20, 0, 79, 1], [4, 3, 7, 86]],
    "calibration": {
        "expected_error": 0.05,
        "confidence": 0.8,
        "bins": [
            {"lower": low / 4, "upper": (low + 1) / 4, "count": 100, "confidence": low / 4 + 0.1, "accuracy": low / 4}
            for low in range(4)
        ],
    },
}
LAYERS = [
    {
        "name": name,
        "type": kind,
        "output_shape": shape,
        "parameters": parameters,
        "kernels": kernels,
        "maps": maps,
        "dead": [1] if kernels else [],
        "twins": [[0, 2]] if kernels else [],
        "share_active": [],
        "explainable": True,
    }
    for name, kind, shape, parameters, kernels, maps in (
        ("conv2d", "conv2d", [28, 28, 3], 60, 3, 3),
        ("flatten", "flatten", [2352], 0, 0, 0),
        ("probabilities", "dense", [4], 850, 0, 0),
    )
]
MAPS = {
    "seen": "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    "label": "Dress",
    "probability": 0.7,
    "layers": [{"name": "conv2d", "shape": [2, 2, 3], "maps": [], "values": [[[0, 1, 0], [1, 0, 0]]] * 2}],
}


def predicted(label: str = "Dress", model: str = "clothes", number: int = 1) -> dict[str, Any]:
    """An answer of a prediction."""
    top = [{"label": label, "class_index": 0, "probability": 0.7}, {"label": "Coat", "probability": 0.2}]
    line = {"label": label, "class_index": 0, "probability": 0.7, "filename": None, "top_k": top, "set": [label]}
    return {"model": model, "version": number, "predictions": [line]}


def comparison() -> dict[str, Any]:
    """Two settings with two seeds each."""
    runs = [
        {
            "job": f"job{number:06}",
            "state": "succeeded",
            "setting": "tanh" if number < 3 else "relu",
            "seed": number,
            "left_out": None,
            "metrics": {"test_accuracy": 0.8 + number / 100},
            "best_epoch": 4,
            "history": job(number)["history"],
            "model": None,
            "error": None,
        }
        for number in (1, 2, 3, 4)
    ]
    settings = [
        {
            "label": label,
            "values": {"overrides.activation": label},
            "jobs": jobs,
            "seeds": [1, 2],
            "parameters": 61610,
            "metrics": {"test_accuracy": {"n": 2, "mean": mean, "deviation": 0.01, "lowest": 0.8, "highest": 0.84}},
        }
        for label, jobs, mean in (
            ("tanh", ["job000001", "job000002"], 0.815),
            ("relu", ["job000003", "job000004"], 0.835),
        )
    ]
    verdict = {
        "kind": "no_clear_difference",
        "text": "No clear difference: relu is ahead by 2 points.",
        "leader": "relu",
    }
    return {
        "metric": "test_accuracy",
        "verdict": verdict | {"differences": [], "confidence": 0.95, "method": "Welch's t interval"},
        "differ": {"overrides.activation": ["relu", "tanh"]},
        "same": {"epochs": 4},
        "settings": settings,
        "runs": runs,
        "next_requests": [{"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "grid": {"seed": [3]}}],
        "next_commands": ["curl http://localhost:8000/jobs"],
    }


DATASET = {
    "name": "fashion_mnist_sample",
    "title": "Fashion-MNIST, a sample",
    "state": "ready",
    "built_in": False,
    "image_shape": [28, 28, 1],
    "classes": [{"label": label, "train": 300, "test": 100} for label in CLASSES],
    "train": 1200,
    "test": 400,
    "validation": 0,
    "available": True,
    "licence": "MIT",
    "source": "",
    "size_bytes": 1_000_000,
    "report": {
        "files": 1610,
        "layout": "Class folders were found in the archive.",
        "warnings": ["A class has few pictures."],
        "split": "drawn",
        "skipped": {"damaged_picture": 2, "hidden": 8},
        "skipped_files": [{"file": "hat/broken.png", "reason": "damaged_picture", "message": "the file ends early"}],
        "duplicates": {
            "train": 1,
            "test": 0,
            "across_splits": 1,
            "across_classes": 0,
            "examples": [["a.png", "b.png"]],
        },
        "small_classes": ["帽子と靴"],
        "missing_in_train": [],
        "missing_in_test": [],
        "dropped_classes": [],
    },
}
NETWORK = {
    "name": "lenet5-fashion",
    "title": "LeNet-5 for Fashion-MNIST",
    "year": 1998,
    "source": "the lesson",
    "input_shape": [28, 28, 1],
    "parameters": 61610,
    "flops": 688816,
    "classes": 4,
    "recipe": {"epochs": 10},
    "weights": [],
    "layers": [{"index": str(index), "flops": 1, **layer} for index, layer in enumerate(LAYERS)],
    "architecture": {"layers": [{"type": "flatten"}]},
}
ESTIMATE = {
    "parameters": 61610,
    "memory": {"total": 905_000_000},
    "training_pictures": 1080,
    "files": {"keras": 294440, "onnx": 254040},
}


PUBLISHED = {"name": "clothes", "version": 1, "test_loss": 0.4, "test_accuracy": 0.85}
ROWS: list[dict[str, Any]] = [
    {"name": "mine/1.png", "label": "帽子と靴", "score": 0.91, "top_k": [{"label": "帽子と靴", "score": 0.91}]},
    {"name": "mine/broken.png", "error": {"code": "damaged_picture", "message": "the file ends early"}},
]


def exported(accuracy: float = 0.849) -> dict[str, Any]:
    """A version as a LiteRT file."""
    return {
        "format": "litert",
        "file": "model.tflite",
        "size_bytes": 250_000,
        "sha256": "0" * 64,
        "accuracy": accuracy,
        "keras_accuracy": 0.85,
        "agreement": 0.998,
        "largest_difference": 1e-6,
        "pictures": 400,
        "runtime": "TensorFlow Lite 2.21.0",
        "exporter": "Keras 3.15.1",
        "created_at": "2026-01-01T10:05:00Z",
        "job": "job000004",
    }


def feedback(*items: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """A list of feedback: 12 pictures in all on version 1, of which some wait."""
    return {
        "model": "clothes",
        "total": len(items) if total is None else total,
        "pending": len(items),
        "collected": 0,
        "size_bytes": 1000,
        "versions": [{"version": 1, "pictures": 12, "right": 3, "accuracy": 0.25}],
        "feedback": list(items),
        "next": None,
    }


def said(number: int, label: str, answered: str) -> dict[str, Any]:
    """A picture that came back with its right label."""
    return {
        "id": f"{number:020}",
        "version": 1,
        "label": label,
        "answered": answered,
        "probability": 0.612,
        "right": label == answered,
        "owner": "local",
        "at": "2026-01-01T10:05:00Z",
        "size_bytes": 500,
        "collected": None,
    }


def many(state: str = "succeeded", step: int = 0) -> dict[str, Any]:
    """A job that classifies an archive of 1,200 pictures."""
    order = {"upload": "job000007", "version": "clothes/1", "source": "archive", "size_bytes": 2_000_000, "top_k": 5}
    request = {"architecture": "predictions", "dataset": "", "epochs": 1, "model": "clothes", "predictions": order}
    progress = {"phase": "predicting", "epoch": 1, "epochs": 1, "step": step, "steps": 1200, "eta_s": 4.0}
    return job(7, state, request=request, kind="predictions", model=PUBLISHED, history={}, progress=progress)


def exporting(state: str = "running", **changes: object) -> dict[str, Any]:
    """A job that exports version 1 to LiteRT."""
    request = job(4)["request"] | {"export": {"version": "clothes/1", "format": "litert"}}
    progress = {"phase": "exporting", "epoch": 0, "epochs": 0}
    return job(4, state, request=request, kind="export", model=PUBLISHED, history={}, progress=progress) | changes


def world() -> dict[str, Answer | Answering]:
    """A server with a few of everything, with names that are long or not Latin."""
    running = job(9, "running", LONG_NAME)
    failure = {"code": "diverged", "message": "the loss is not a number", "hint": "Try a learning rate of 0.001."}
    all_jobs = [running, job(5, "queued"), *(job(n) for n in (2, 1)), job(3, "failed", error=failure)]
    lines = [version(2, accuracy=0.88), version(1)]
    model = {"name": "clothes", "latest": 2, "best": 2, "versions": lines, "damaged": [], "aliases": {"champion": 1}}
    model["splits"] = {"champion": SPLIT}
    answers: dict[str, Answer | Answering] = {
        "/jobs": jobs_of(all_jobs),
        "/models": {"models": [model]},
        "/models/clothes": model,
        "/models/clothes/aliases/champion": {
            "alias": "champion",
            "version": 1,
            "canary": SPLIT["canary"],
            "figures": FIGURES,
            "history": [{"version": number, "at": f"2026-01-0{number}T10:00:00Z"} for number in (2, 1)],
        },
        "/datasets": {"datasets": [DATASET]},
        "/datasets/fashion_mnist_sample": DATASET,
        "/datasets/fashion_mnist_sample/pictures": {
            "pictures": [
                {"index": n, "label": CLASSES[n % 4], "class_index": n % 4, "url": f"/datasets/x/pictures/test/{n}.png"}
                for n in range(14)
            ],
            "total": 400,
        },
        "/architectures": {"architectures": [NETWORK]},
        "/architectures/lenet5-fashion": NETWORK,
        "POST /architectures/check": NETWORK,
        "POST /jobs": lambda query, _: (
            {"jobs": [{"estimate": ESTIMATE}], "time": {"seconds": 60, "low": 30, "high": 90, "basis": "a constant"}}
            if "dry_run" in query
            else (202, running)
        ),
        "/compare": comparison(),
        "/groups": {"groups": []},
        "/workers": {"workers": []},
        "/me": {
            "name": "teacher",
            "scopes": ["predict", "read", "train", "admin"],
            "limits": {"jobs": 10},
            "used": {"jobs": 1},
        },
        "/keys": {
            "keys": [
                {
                    "name": "ada",
                    "scope": "train",
                    "state": "active",
                    "created_at": "2026-01-01T10:00:00Z",
                    "expires_at": None,
                }
            ]
        },
        "/leaderboard": {
            "rows": [{"rank": 1, "owner": "ada", "model": "clothes", "version": 2, "test_accuracy": 0.88}]
        },
        "/readyz": {"status": "ready"},
        "POST /convolve": {
            "steps": [
                {
                    "operation": "convolution",
                    "input_shape": [28, 28, 1],
                    "output_shape": [28, 28, 1],
                    "height": "28",
                    "width": "28",
                }
            ],
            "min": 0,
            "max": 255,
            "picture": MAPS["seen"],
        },
    }
    for record in all_jobs:
        answers[f"/jobs/{record['id']}"] = record
        answers[f"/jobs/{record['id']}/log"] = (200, "2026-01-01 10:00:00 attempt 1\n")
    answers |= {
        "/jobs/job000007": many(),
        "/jobs/job000007/log": (200, "2026-01-01 10:00:00 attempt 1\n"),
        "/jobs/job000007/predictions": (200, "".join(f"{json.dumps(row)}\n" for row in ROWS)),
        "/models/clothes/feedback": feedback(said(1, "Dress", "Trouser"), said(2, "帽子と靴", "帽子と靴"), total=12),
    }
    for line in lines:
        address = f"/models/clothes/versions/{line['version']}"
        answers |= {
            address: line,
            f"{address}/files/evaluation.json": EVALUATION,
            f"{address}/files/trust.json": {"not_sure_below": 0.6, "pictures": 300},
            f"{address}/doctor": {"worst": "warning", "passed_over": None, "findings": FINDINGS},
            f"{address}/mistakes": {
                "pictures": 400,
                "total": 60,
                "kept": 60,
                "matching": 1,
                "mistakes": [
                    {
                        "index": 7,
                        "true": CLASSES[0],
                        "predicted": CLASSES[2],
                        "probability": 0.9,
                        "true_probability": 0.05,
                    }
                ],
            },
            f"{address}/layers": {"layers": LAYERS},
            f"{address}/exports": {"exports": [exported()]},
            f"{address}/film": {
                "epochs": [0, 4],
                "kernels": [[[[[0.1], [-0.2]], [[0.3], [0]]]]] * 2,
                "pictures": [],
                "confusion": [],
            },
            f"POST {address}/maps": MAPS,
            f"POST {address}/explain": {
                "label": "Dress",
                "probability": 0.7,
                "method": "occlusion",
                "layer": None,
                "grid": [[0.1]],
                "empty": False,
                "patch": 7,
                "stride": 2,
            },
            f"POST {address}/what-if": {
                "original": {"label": "Dress", "probability": 0.7},
                "series": [
                    {"change": "rotate", "amount": amount, "label": "Dress", "probability": 0.6}
                    for amount in (-10, 0, 10)
                ],
            },
            f"POST {address}/predict": predicted(number=line["version"]),
        }
    return answers
