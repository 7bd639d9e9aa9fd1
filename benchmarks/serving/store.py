"""Makes the store that the servers are measured with: the preset `cnn`, untrained, 226,390 parameters, 10 classes.

    python -m benchmarks.serving.store DIR

An untrained network costs what a trained one costs. Keras builds, saves and exports it, as a training would; this is a
process of its own, so that whoever measures has no Keras in memory.
"""

import sys
from pathlib import Path

import numpy as np

from model_store import VersionFacts, open_store

MODEL = "cnn"
CLASSES = tuple(f"class {number}" for number in range(10))
SHAPE = (32, 32, 3)


def publish_cnn(directory: Path, model: str = MODEL, preset: str = MODEL) -> None:
    """Publish one version of an untrained preset below `directory`/store, and leave its files in `directory`."""
    import keras  # noqa: PLC0415 - see the module's docstring

    from worker.architectures import get_preset  # noqa: PLC0415
    from worker.training.export import export_onnx  # noqa: PLC0415
    from worker.training.network import build_model  # noqa: PLC0415

    keras.utils.set_random_seed(1)
    network = build_model(get_preset(preset).architecture, SHAPE, len(CLASSES))
    directory.mkdir(parents=True, exist_ok=True)
    network.save(directory / "model.keras")
    export_onnx(network, directory / "model.onnx")
    publish(directory, model, network.count_params(), _unusual())


def publish(directory: Path, model: str, parameters: int, unusual: bytes) -> None:
    """Publish the files in `directory` as a version of a model."""
    facts = VersionFacts(
        classes=CLASSES,
        input_shape=SHAPE,
        parameters=parameters,
        metrics={},
        recipe={},
        architecture={},
        job="benchmark",
        dataset="none",
        dataset_fingerprint="00" * 32,
        parity=0.0,
        runtime={},
    )
    with open_store((directory / "store").absolute().as_uri()).draft(model) as draft:
        for name in ("model.keras", "model.onnx"):
            draft.add(name, directory / name)
        draft.add("unusual.onnx", unusual)
        draft.commit(facts)


def _unusual() -> bytes:
    """What a version of trained pictures has, and costs."""
    from worker.training.trust.unusual import unusual_network  # noqa: PLC0415 - see the module's docstring

    pictures = np.random.default_rng(1).integers(0, 256, (400, *SHAPE), dtype=np.uint8)
    scorer = unusual_network(pictures[:200], pictures[200:])
    if scorer is None:
        raise RuntimeError("two hundred pictures are enough to tell unusual ones")
    return scorer


if __name__ == "__main__":
    publish_cnn(Path(sys.argv[1]), *sys.argv[2:])
