"""Every preset can be looked into: all layers are found, maps equal Keras's, and Grad-CAM agrees with its gradients.

So can networks that are put together by chance.
"""

import random
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import ModelStore, open_store
from service.inside.grad_cam import grad_cam, tail_session
from service.inside.maps import read_kernel, read_maps
from service.inside.sessions import InsideSessions
from tests.learning.gradients import grad_cam_of_any_network
from tests.learning.test_networks_match_keras import EVERY_LAYER
from tests.unit.service.tiny_networks import publish
from worker.architectures import PRESETS, Architecture, Overrides, analyse, override
from worker.architectures.grammar import Activation
from worker.artifacts import LAYERS_FILE, ONNX_FILE, TAILS_FILE
from worker.inside.record import NetworkRecord, Tails
from worker.training.export import export_onnx
from worker.training.inside.recording import mean_of, write_record
from worker.training.network import build_model

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

N_CLASSES = 10
NARROW = Overrides(width=0.25)
SMALL = {"alexnet": 67, "vgg16": 48, "googlenet": 64}
"""Sides that the large networks are shrunk to; they have the same layers."""
KERNELS = {"conv2d": "kernel", "depthwise_conv2d": "kernel", "separable_conv2d": "depthwise_kernel"}


def architectures() -> list[pytest.param]:  # type: ignore[valid-type]
    found = []
    for preset in PRESETS.values():
        size = SMALL.get(preset.name)
        changes = NARROW.model_copy(update={"input_size": (size, size)}) if size else None
        architecture = override(preset.architecture, changes) if changes else preset.architecture
        found += [
            pytest.param(architecture, shape, id=f"{preset.name}-{shape}") for shape in [(28, 28, 1), (32, 32, 3)]
        ]
    composite = Architecture.model_validate({"layers": [*EVERY_LAYER[1:]]})
    return [*found, pytest.param(composite, (40, 33, 3), id="every layer")]


def recorded(
    network: keras.Model, architecture: Architecture, images: NDArray[np.float32], directory: Path
) -> tuple[ModelStore, NetworkRecord, Tails]:
    export_onnx(network, directory / ONNX_FILE)
    shape = (images.shape[1], images.shape[2], images.shape[3])
    mean = mean_of((images * 255).astype(np.uint8))
    write_record(directory, network, directory / ONNX_FILE, analyse(architecture, shape, N_CLASSES), images, mean)
    store = open_store("memory://")
    files = {name: (directory / name).read_bytes() for name in (ONNX_FILE, LAYERS_FILE, TAILS_FILE)}
    publish(store, "preset", files, input_shape=shape)
    record = NetworkRecord.model_validate_json(files[LAYERS_FILE])
    return store, record, Tails.model_validate_json(files[TAILS_FILE])


def by_chance(seed: int) -> Architecture:
    """Seven layers, branches and residuals among them, with any activations."""
    chance, channels = random.Random(seed), 0
    layers: list[dict[str, Any]] = []

    def convolution(filters: int) -> dict[str, Any]:
        kind = chance.choice(["conv2d", "separable_conv2d"])
        side, activation = chance.randint(1, 5), chance.choice(get_args(Activation))
        return {"type": kind, "filters": filters, "kernel_size": side, "padding": "same", "activation": activation}

    for at in range(7):
        filters = chance.randint(2, 9)
        pooling = {"type": chance.choice(["max_pooling2d", "average_pooling2d"]), "padding": "same"}
        if at == 0:
            layers, channels = [convolution(filters)], filters
        elif at % 3 == 0:
            layers.append({**pooling, "pool_size": chance.randint(2, 3), "strides": 2})
        elif at % 3 == 1:
            layers.append({"type": "residual", "layers": [convolution(filters), convolution(channels)]})
        else:
            side = [{**pooling, "pool_size": 3, "strides": 1}]
            layers += [
                {"type": "branches", "branches": [[convolution(filters)], side]},
                {"type": "batch_normalization"},
            ]
            channels += filters
    ends: list[list[dict[str, Any]]] = [
        [{"type": "global_average_pooling2d"}],
        [{"type": "flatten"}, {"type": "dense", "units": 12}],
    ]
    output = {"type": "dense", "units": "classes", "activation": "softmax"}
    return Architecture.model_validate({"layers": [*layers, *chance.choice(ends), output]})


@pytest.mark.parametrize("seed", range(6))
def test_what_is_shown_of_any_network_is_what_keras_computes(seed: int, tmp_path: Path) -> None:
    test_what_is_shown_of_a_preset_is_what_keras_computes(by_chance(seed), (26, 29, 3 if seed % 2 else 1), tmp_path)


@pytest.mark.parametrize(("architecture", "image_shape"), architectures())
def test_what_is_shown_of_a_preset_is_what_keras_computes(
    architecture: Architecture, image_shape: tuple[int, int, int], tmp_path: Path
) -> None:
    keras.utils.set_random_seed(3)
    network = build_model(architecture, image_shape, N_CLASSES)
    images = np.random.default_rng(0).random((8, *image_shape), dtype=np.float32)
    store, record, tails = recorded(network, architecture, images, tmp_path)
    manifest = store.manifest("preset", 1)
    sessions = InsideSessions(store, budget_bytes=10**9)

    maps, probabilities = read_maps(
        sessions, manifest, record, images[:1], [row for row in record.layers if row.n_maps]
    )

    assert [row.name for row in record.layers if row.tensor is None and row.type != "zero_padding2d"] == []
    layers = network.layers[1:]
    outputs = keras.Model(network.inputs[0], [layer.output for layer in layers])(images[:1], training=False)
    expected = {layer.name: np.asarray(output)[0] for layer, output in zip(layers, outputs, strict=True)}
    for shown in maps:
        np.testing.assert_allclose(shown.values, expected[shown.layer.name], atol=1e-4, rtol=1e-4)
    for row in record.layers:
        if row.type in KERNELS:
            assert row.kernel is not None, row.name
            kernel = read_kernel(sessions, manifest, record, row.kernel)
            assert np.array_equal(kernel, np.asarray(getattr(network.get_layer(row.name), KERNELS[row.type])))
    assert record.explainable
    class_index = int(probabilities.argmax())
    for name in record.explainable:
        layer = record.layer(name)
        assert layer is not None
        assert name in tails.exact, name
        session = tail_session(sessions, manifest, layer, tails)
        found = grad_cam(session, record, layer, images[:1], class_index, is_exact=True)
        wanted = grad_cam_of_any_network(network, name, images[:1], class_index)
        np.testing.assert_allclose(found, wanted, atol=0.01 * wanted.max(initial=0), err_msg=name)
        if wanted.std() > 1e-3 * wanted.max(initial=0) > 0:  # a map that is the same everywhere correlates with nothing
            assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] >= 0.9999, name
