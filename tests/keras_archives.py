"""Makes `.keras` files by hand, good and bad ones, without Keras: a configuration, and arrays in HDF5."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from worker.imports.options import ImportedModel

Arrays = Mapping[str, Sequence[NDArray[Any]]]
DENSE: dict[str, Any] = {"units": 3, "activation": "softmax", "use_bias": True}
CONV: dict[str, Any] = {"filters": 2, "kernel_size": [3, 3], "activation": "relu", "use_bias": True}


def layer(kind: str, name: str, **config: object) -> dict[str, Any]:
    """One layer of a sequential model."""
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, **config},
        "registered_name": None,
        "name": name,
    }


def pictures(*shape: int | None) -> dict[str, Any]:
    """The input of a model."""
    return layer("InputLayer", "images", batch_shape=[None, *(shape or (8, 8, 3))])


def after(entry: dict[str, Any], *inputs: str, **options: object) -> dict[str, Any]:
    """A layer of a functional model, called with the outputs of others."""
    tensors: list[Any] = [
        {"class_name": "__keras_tensor__", "config": {"shape": [None], "keras_history": [name, 0, 0]}}
        for name in inputs
    ]
    arguments = tensors if len(tensors) == 1 else [tensors]
    return {**entry, "inbound_nodes": [{"args": arguments, "kwargs": options}]}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """A sequential model."""
    config = {"name": "model", "layers": list(layers)}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def functional(first: str, last: str, *layers: dict[str, Any]) -> dict[str, Any]:
    """A functional model."""
    config = {"name": "model", "layers": list(layers), "input_layers": [first, 0, 0], "output_layers": [last, 0, 0]}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}


def small_network() -> tuple[dict[str, Any], Arrays]:
    """A convolution, and a dense layer for three classes."""
    config = sequential(
        pictures(), layer("Conv2D", "conv", **CONV), layer("Flatten", "flat"), layer("Dense", "out", **DENSE)
    )
    random = np.random.default_rng(1)
    shapes = {"layers/conv2d": [(3, 3, 3, 2), (2,)], "layers/dense": [(72, 3), (3,)]}
    return config, {place: [random.normal(size=shape).astype("f4") for shape in all_] for place, all_ in shapes.items()}


def weights_file(arrays: Arrays, change: Callable[[h5py.File], object] | None = None) -> bytes:
    """An HDF5 file as Keras writes it; `change` may do something to it."""
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened.create_group("layers")
        for place, values in arrays.items():
            for number, array in enumerate(values):
                opened.create_dataset(f"{place}/vars/{number}", data=array)
        if change is not None:
            change(opened)
    return file.getvalue()


def archive(config: object, weights: bytes, **others: bytes) -> bytes:
    """A `.keras` file; other members replace its own or come on top."""
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    members = {"metadata.json": b"{}", "config.json": text, "model.weights.h5": weights, **others}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return file.getvalue()


def said(**changes: object) -> ImportedModel:
    """What a client says about a model, mostly nothing."""
    nothing = {"classes": None, "preprocessing": "auto", "outputs": "auto", "image_size": None, "layout": "auto"}
    file = {"upload": "abc23", "format": "keras", "sha256": "0" * 64, "size_bytes": 1, "evaluated": False}
    return ImportedModel.model_validate({**nothing, **file, **changes})


def written(folder: Path, content: bytes, name: str = "model.keras") -> Path:
    """The content as a file."""
    path = folder / name
    path.write_bytes(content)
    return path
