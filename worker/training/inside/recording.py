"""Records a network's layers and tails, so that the API can look inside it without Keras."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import onnx
from numpy.typing import NDArray

from worker.architectures import Analysis, LayerRow, analyse
from worker.artifacts import INPUT_TENSOR, LAYERS_FILE, ONNX_FILE, TAILS_FILE
from worker.datasets import Dataset
from worker.inside.layout import keras_output, switches_shape
from worker.inside.protobuf import with_outputs
from worker.inside.record import KernelTensor, LayerRecord, NetworkRecord, Tails, packed
from worker.jobs.plan import TrainingPlan
from worker.onnx_sessions import ALL_CORES, open_session
from worker.training.inside.activity import Activity, ActivityMeter
from worker.training.inside.tails import Tail, switches_of, tail_of
from worker.training.inside.tensors import (
    Place,
    find_kernels,
    find_places,
    logits_of,
    outputs_of,
)
from worker.training.network import pictures_at_once

logger = logging.getLogger(__name__)

PROBES = 3
"""Pictures on which Keras and ONNX Runtime are compared."""
MOST_PICTURES, FEWEST_PICTURES = 512, 8
MOST_FLOPS = 3e10
"""For the pictures on which channels are watched: about two seconds of one core. VGG16 at 224 pixels gets 8."""
MOST_TAIL_BYTES = 8_000_000
"""Of all tails before they are packed; the last layers come first, because they are looked at most."""
_WATCHED = frozenset({"activation", "branches", "conv2d", "dense", "depthwise_conv2d", "residual", "separable_conv2d"})
"""Types of layers whose channels are watched; the others pass on what the layer before them does."""
_PASSES_ON = frozenset({"average_pooling2d", "batch_normalization", "dropout", "max_pooling2d", "zero_padding2d"})
"""Types of layers between a convolution and its activation. Grad-CAM cuts behind the activation: before it, its map is
often empty."""


def record_layers(
    directory: Path, network: keras.Model, plan: TrainingPlan, dataset: Dataset, inputs: NDArray[np.float32]
) -> None:
    """Record the network that is about to be published; a training is never lost because that fails.

    Args:
        directory: has the ONNX file, and receives the two files of the record.
        network: as it was exported.
        plan: of its training.
        dataset: that it was trained on.
        inputs: float32, the dataset's test pictures, values in [0, 1].
    """
    analysis = analyse(plan.network, dataset.info.image_shape, len(dataset.info.classes))
    try:
        write_record(directory, network, directory / ONNX_FILE, analysis, inputs, mean_of(dataset.train_images))
    except Exception:  # whatever the exporter wrote, the version is good without the record
        logger.exception("the layers could not be recorded; the version is published without them")


def mean_of(images: NDArray[np.uint8]) -> tuple[float, ...]:
    """Mean of each channel of pictures, in [0, 1]."""
    sums = images.sum(axis=(0, 1, 2), dtype=np.uint64)
    return tuple(round(float(total) / (255 * images[..., 0].size), 6) for total in sums)


class NotRecordable(Exception):
    """The file is not of the kind that the exporter writes."""


def write_record(
    directory: Path,
    network: keras.Model,
    model_path: Path,
    analysis: Analysis,
    images: NDArray[np.float32],
    training_mean: Sequence[float],
) -> None:
    """Write the record of a network's layers, and their tails.

    Args:
        directory: receives the two files.
        network: as it was exported.
        model_path: the ONNX file.
        analysis: the layer table of the network.
        images: float32, shape (n, height, width, channels), values in [0, 1]; test pictures, at least one.
        training_mean: mean of each channel over the training pictures, in [0, 1].

    Raises:
        NotRecordable: the file has no softmax at its end.
    """
    model = model_path.read_bytes()
    graph = onnx.load_from_string(model).graph
    logits = logits_of(graph)
    if logits is None:
        raise NotRecordable("the ONNX file has no softmax at its end")
    places = find_places(network, graph, model, images[:PROBES])
    tails = _tails(graph, places, analysis, logits)
    some = images[: int(np.clip(MOST_FLOPS / max(1, analysis.flops), FEWEST_PICTURES, MOST_PICTURES))]
    activities = _watch(model, places, analysis, some, pictures_at_once(network))
    kernels = find_kernels(network, graph)
    layers = tuple(
        _layer(row, places, kernels, activities, _is_explainable(analysis, at, tails))
        for at, row in enumerate(analysis.layers)
    )
    record = NetworkRecord(logits=logits, training_mean=tuple(training_mean), pictures=len(some), layers=layers)
    (directory / LAYERS_FILE).write_text(record.model_dump_json())
    switches = switches_of(graph, _switch_shapes(analysis, places))
    data = Tails(
        tails={name: packed(tail.data) for name, tail in tails.items()},
        switches=packed(switches.data),
        switched=switches.tensors,
        exact=tuple(name for name, tail in tails.items() if tail.is_exact),
    )
    (directory / TAILS_FILE).write_text(data.model_dump_json())
    logger.info("recorded %d of %d layers, and %d tails", len(places), len(layers), len(tails))


def _layer(
    row: LayerRow,
    places: Mapping[str, Place],
    kernels: Mapping[str, KernelTensor],
    activities: Mapping[str, Activity],
    is_explainable: bool,
) -> LayerRecord:
    place, activity = places.get(row.name), activities.get(row.name, Activity((), (), ()))
    return LayerRecord(
        name=row.name,
        type=row.type,
        output_shape=row.output_shape,
        parameters=row.parameters,
        tensor=place.tensor if place else None,
        is_channels_last=place.is_channels_last if place else False,
        kernel=kernels.get(row.name),
        dead=activity.dead,
        twins=activity.twins,
        share_active=activity.share_active,
        is_explainable=is_explainable,
    )


def _is_explainable(analysis: Analysis, position: int, tails: Mapping[str, Tail]) -> bool:
    """Whether Grad-CAM may cut here: all paths meet, behind the activation, and the map has more than one place."""
    row, tail = analysis.layers[position], tails.get(analysis.layers[position].name)
    is_of_interest = row.type not in {"resizing", "zero_padding2d"} and max(row.output_shape[:2]) > 1
    later = (layer.type for layer in analysis.layers[position + 1 :])
    follower = next((layer_type for layer_type in later if layer_type not in _PASSES_ON), "")
    return tail is not None and is_of_interest and follower != "activation"


def _tails(graph: onnx.GraphProto, places: Mapping[str, Place], analysis: Analysis, logits: str) -> dict[str, Tail]:
    tails: dict[str, Tail] = {}
    n_bytes = 0
    for row in reversed(analysis.layers):
        if row.name not in places or len(row.output_shape) != 3:
            continue
        tail = tail_of(graph, places[row.name], row.output_shape[-1], logits)
        if tail is not None and tail.is_cut and n_bytes + len(tail.data) <= MOST_TAIL_BYTES:
            tails[row.name] = tail
            n_bytes += len(tail.data)
    return tails


def _switch_shapes(analysis: Analysis, places: Mapping[str, Place]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor's switches: 1 but for the channels."""
    shapes: dict[str, tuple[int, ...]] = {}
    for row in analysis.layers[:-1]:
        place = places.get(row.name)
        if place is not None and row.type != "flatten":
            shapes.setdefault(place.tensor, switches_shape(row.output_shape, is_channels_last=place.is_channels_last))
    return shapes


def _watch(
    model: bytes, places: Mapping[str, Place], analysis: Analysis, images: NDArray[np.float32], at_once: int
) -> dict[str, Activity]:
    rows = [row for row in analysis.layers[:-1] if row.name in places and row.type in _WATCHED]
    if not rows:
        return {}
    meters = {row.name: ActivityMeter(row.output_shape[-1]) for row in rows}
    names = outputs_of([places[row.name].tensor for row in rows])
    session = open_session(with_outputs(model, names), ALL_CORES)
    for start in range(0, len(images), at_once):
        found = dict(zip(names, session.run(names, {INPUT_TENSOR: images[start : start + at_once]}), strict=True))
        for row in rows:
            place = places[row.name]
            meters[row.name].add(keras_output(found[place.tensor], is_channels_last=place.is_channels_last))
    return {name: meter.activity() for name, meter in meters.items()}
