"""Many published versions as the objects that the store's file format makes of them."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from model_store import Manifest, VersionFacts, layout
from model_store.manifest import FileEntry
from tests.unit.service.tiny_networks import CLASSES, SIDE, brightness_network

BUCKET, PREFIX = "scale", "store"
VERSIONS_OF_A_MODEL = 1000
LIVE = "live"
"""The model that is asked, and of which a new version is published meanwhile."""


def objects_of(n_versions: int, n_files: int) -> Iterator[tuple[str, bytes]]:
    """Paths and bytes of so many versions, spread over models of at most 1,000, and of one version that is asked."""
    filler = {f"file-{number}.json": b"{}" for number in range(max(0, n_files - 2))}
    for number in range(n_versions):
        model = f"model-{number // VERSIONS_OF_A_MODEL:04d}"
        yield from _version(model, number % VERSIONS_OF_A_MODEL + 1, {"model.onnx": b"onnx", **filler}, number)
    yield from _version(LIVE, 1, {"model.onnx": brightness_network(), **filler}, n_versions)


def _version(model: str, version: int, files: dict[str, bytes], age: int) -> Iterator[tuple[str, bytes]]:
    entries = {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)) for name, data in files.items()
    }
    published_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=age)
    manifest = Manifest.of(facts(), model=model, version=version, published_at=published_at, files=entries)
    yield layout.number_path(model, version), b"{}"
    yield from ((layout.file_path(model, version, name), data) for name, data in files.items())
    yield layout.manifest_path(model, version), manifest.to_bytes()


def facts() -> VersionFacts:
    """Of a version as a trainer publishes it: its manifest has about 4 kB."""
    return VersionFacts(
        classes=CLASSES,
        input_shape=(SIDE, SIDE, 3),
        parameters=490,
        metrics={"test_accuracy": 0.9, "test_loss": 0.3},
        recipe={"epochs": 10, "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 64, "architecture": "lenet5"},
        architecture={"layers": [{"type": "conv2d", "filters": 6, "kernel_size": 5, "activation": "relu"}] * 12},
        job="k3v9x2m7qd",
        dataset="greys",
        dataset_fingerprint="ab" * 32,
        parity=1e-6,
        runtime={"keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.11"},
    )
