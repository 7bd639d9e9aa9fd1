"""Many published versions as the objects that the store's file format makes of them."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from model_store import Manifest, ModelStore, VersionFacts, layout
from model_store.bucket import Bucket
from model_store.changes import SNAPSHOT
from model_store.manifest import FileEntry
from service.models.known_model import KnownModel
from service.models.snapshot import Snapshot, write_snapshot
from tests.unit.service.tiny_networks import CLASSES, SIDE, brightness_network

BUCKET, PREFIX = "scale", "store"
VERSIONS_OF_A_MODEL = 1000
LIVE = "live"
"""The model that is asked, and of which a new version is published meanwhile."""
LISTED = 18
"""Files that a manifest lists, as a trainer's does. Fewer are stored."""


def objects_of(n_versions: int, n_files: int, *, snapshot: bool) -> Iterator[tuple[str, bytes]]:
    """Paths and bytes of so many versions, spread over models of at most 1,000, and of one version that is asked."""
    known: dict[str, KnownModel] = {}
    filler = {f"file-{number}.json": b"{}" for number in range(max(0, n_files - 2))}
    for number in range(n_versions):
        model = f"model-{number // VERSIONS_OF_A_MODEL:04d}"
        found = _manifest(model, number % VERSIONS_OF_A_MODEL + 1, {}, number)
        if snapshot:
            known.setdefault(model, KnownModel()).add(found.version, found)
        yield from _objects(found, {"model.onnx": b"onnx", **filler})
    network = {"model.onnx": brightness_network()}
    live = _manifest(LIVE, 1, network, n_versions)
    yield from _objects(live, network)
    if snapshot:
        known.setdefault(LIVE, KnownModel()).add(1, live)
        yield SNAPSHOT, _snapshot(known)


def _snapshot(known: dict[str, KnownModel]) -> bytes:
    objects = Bucket.in_memory()
    write_snapshot(ModelStore(objects).contents, Snapshot(known, frozenset()))
    return objects.read(SNAPSHOT)


def _manifest(model: str, version: int, files: dict[str, bytes], age: int) -> Manifest:
    entries = {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)) for name, data in files.items()
    }
    for number in range(LISTED - len(entries)):
        digest = hashlib.sha256(f"{age}/{number}".encode()).hexdigest()
        entries[f"file-{number}.json"] = FileEntry.model_construct(sha256=digest, size_bytes=1000 * number + age)
    return _FACTS.model_copy(
        update={
            "model": model,
            "version": version,
            "published_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=age),
            "files": entries,
        }
    )


def _objects(manifest: Manifest, files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    model, version = manifest.model, manifest.version
    yield layout.number_path(model, version), b"{}"
    yield from ((layout.file_path(model, version, name), data) for name, data in files.items())
    yield layout.manifest_path(model, version), manifest.to_bytes()


def facts() -> VersionFacts:
    """Of a version as a trainer publishes it: its manifest has about 5 kB."""
    return VersionFacts(
        classes=CLASSES,
        input_shape=(SIDE, SIDE, 3),
        parameters=490,
        metrics={
            "test_accuracy": 0.9,
            "test_loss": 0.3,
            "val_accuracy": 0.84,
            "best_val_accuracy": 0.85,
            "fit_seconds": 23.4,
            "epochs": 6.0,
            "epoch_seconds": 1.1,
        },
        recipe={"epochs": 10, "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 64, "architecture": "lenet5"},
        architecture={"layers": [{"type": "conv2d", "filters": 6, "kernel_size": 5, "activation": "relu"}] * 12},
        job="k3v9x2m7qd",
        dataset="greys",
        dataset_fingerprint="ab" * 32,
        parity=1e-6,
        runtime={"keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.11"},
    )


_FACTS = Manifest.of(facts(), model=LIVE, version=1, published_at=datetime(2026, 1, 1, tzinfo=UTC), files={})
