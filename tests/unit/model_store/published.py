"""A small version to publish, for every test that needs one, and what lies in the store then."""

from collections.abc import Mapping

from model_store import Manifest, ModelStore, VersionFacts
from model_store.objects import Objects

FILES = {"model.keras": b"weights" * 1000, "model.onnx": b"graph" * 500, "history.json": b'{"loss": [0.5]}'}


def facts(**changes: object) -> VersionFacts:
    known: dict[str, object] = {
        "classes": ("shirt", "sandal"),
        "input_shape": (28, 28, 1),
        "parameters": 61_610,
        "metrics": {"accuracy": 0.8174, "loss": 0.52},
        "recipe": {"optimizer": "sgd", "epochs": 10, "augmentation": None},
        "architecture": {"layers": [{"type": "flatten"}]},
        "job": "job-1",
        "dataset": "fashion_mnist",
        "dataset_fingerprint": "ab" * 32,
        "parity": 3e-6,
        "runtime": {"keras": "3.15.1"},
    }
    return VersionFacts.model_validate(known | changes)


def publish(store: ModelStore, model: str = "shirts", files: Mapping[str, bytes] = FILES) -> Manifest:
    with store.draft(model) as draft:
        for name, data in files.items():
            draft.add(name, data)
        return draft.commit(facts())


def version_files(objects: Objects, model: str = "shirts") -> list[str]:
    """Paths of everything below the model's versions."""
    return sorted(found.path for found in objects.list(f"models/{model}/versions/"))
