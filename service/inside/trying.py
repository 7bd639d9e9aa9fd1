"""Asks the network about a picture after every change, and without single filters."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.inference.network import Network
from service.inside.answers import ChangeLine, Original, WhatIf
from service.inside.changes import Amount, Changes, changed_pictures
from service.inside.maps import layer_with_maps
from service.inside.numbers import rounded_one
from service.inside.occlusion import AT_ONCE
from service.inside.options import refused
from service.inside.sessions import InsideSessions
from worker.artifacts import OUTPUT_TENSOR
from worker.inside.layout import switches_shape
from worker.inside.record import KEEP, PUSHED, NetworkRecord, Tails
from worker.pictures.pixels import to_unit_range

Probabilities = NDArray[np.float32]
SWITCHES = "/switches"
"""Name of the session with switches; no layer has it."""


def check_filters(record: NetworkRecord, changes: Changes) -> None:
    """Refuse filters that cannot be switched off.

    Raises:
        LayerNotFound: a layer that does not exist or has no maps.
        RequestValidationError: no such channel, or a channel of the answer itself.
    """
    for layer_name, channel in changes.without:
        layer = layer_with_maps(record, layer_name)
        if layer.tensor == OUTPUT_TENSOR:
            message = f"{layer_name} is the answer itself; expected a filter of a layer before it"
            raise refused("without", message, "body")
        if channel >= layer.n_maps:
            message = f"{layer_name} has no channel {channel}; expected 0 to {layer.n_maps - 1}"
            raise refused("without", message, "body")


def what_if(
    manifest: Manifest,
    network: Network,
    pixels: NDArray[np.uint8],
    changes: Changes,
    record: NetworkRecord | None,
    without: Callable[[], Probabilities],
) -> WhatIf:
    """The answers after every change; to be called in the thread of the sessions.

    Args:
        manifest: the version.
        network: in memory, for predictions.
        pixels: uint8, shape (height, width, channels).
        changes: what to try.
        record: of the network; needed by some changes.
        without: the probabilities with the filters switched off.
    """
    before = network.answer(to_unit_range(pixels[np.newaxis]))[0]
    top = int(before.argmax())
    mean = record.training_mean if record is not None else ()
    changed = list(changed_pictures(pixels, changes, lambda: mean))
    answers = [
        probabilities
        for start in range(0, len(changed), AT_ONCE)
        for probabilities in network.answer(np.stack([each.image for each in changed[start : start + AT_ONCE]]))
    ]
    series = [
        _line(manifest, each.change, each.amount, probabilities, top)
        for each, probabilities in zip(changed, answers, strict=True)
    ]
    if changes.without:
        series.append(_line(manifest, "without", changes.without, without(), top))
    original = Original(label=manifest.classes[top], probability=rounded_one(float(before[top])))
    return WhatIf(model=manifest.model, version=manifest.version, original=original, series=series)


def without_filters(
    sessions: InsideSessions,
    manifest: Manifest,
    record: NetworkRecord,
    tails: Tails,
    images: NDArray[np.float32],
    filters: Sequence[tuple[str, int]],
) -> Probabilities:
    """The probabilities with some channels switched off; to be called in the thread of the sessions."""
    layers = {layer.tensor: layer for layer in reversed(record.layers) if layer.tensor is not None}
    keep = {
        tensor: np.ones(
            switches_shape(layers[tensor].output_shape, is_channels_last=layers[tensor].is_channels_last), np.float32
        )
        for tensor in tails.switched
    }
    for name, channel in filters:
        layer = record.layer(name)
        if layer is not None and layer.tensor in keep:
            keep[layer.tensor].reshape(-1)[channel] = 0
    session = sessions.session(manifest, SWITCHES, lambda data: data + tails.all_switches())
    name = PUSHED + OUTPUT_TENSOR
    probabilities: Probabilities = session.run([name], images, {KEEP + tensor: each for tensor, each in keep.items()})[
        name
    ][0]
    return probabilities


def _line(
    manifest: Manifest,
    change: str,
    amount: Amount,
    probabilities: Probabilities,
    top: int,
) -> ChangeLine:
    best = int(probabilities.argmax())
    return ChangeLine(
        change=change,
        amount=amount,
        label=manifest.classes[best],
        probability=rounded_one(float(probabilities[best])),
        original_probability=rounded_one(float(probabilities[top])),
    )
