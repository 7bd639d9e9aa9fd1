"""Asks the network about a picture after every change, and without single filters."""

from collections.abc import Callable

import numpy as np
from fastapi.exceptions import RequestValidationError
from numpy.typing import NDArray

from model_store import Manifest
from service.inference.network import Network
from service.inside.answers import ChangeLine, Original, WhatIf
from service.inside.changes import Amount, Changes, changed_pictures
from service.inside.grad_cam import tail_session, unchanged
from service.inside.maps import layer_with_maps
from service.inside.numbers import rounded_one
from service.inside.occlusion import AT_ONCE
from service.inside.sessions import MOST_OPEN, InsideSessions
from worker.artifacts import OUTPUT_TENSOR
from worker.inside.record import KEEP, PUSHED, LayerRecord, NetworkRecord, Tails
from worker.pictures.pixels import to_unit_range

Probabilities = NDArray[np.float32]


def check_filters(record: NetworkRecord, changes: Changes) -> None:
    """Refuse filters that cannot be switched off.

    Raises:
        LayerNotFound: a layer that does not exist or has no maps.
        RequestValidationError: no such channel, a layer without height and width, or too many layers.
    """
    for layer_name, channel in changes.without:
        layer = layer_with_maps(record, layer_name)
        if len(layer.output_shape) != 3:
            raise _refused(f"{layer_name} has no maps with height and width, so no filter of it can be switched off")
        if channel >= layer.output_shape[-1]:
            raise _refused(f"{layer_name} has no channel {channel}; expected 0 to {layer.output_shape[-1] - 1}")
    if len({layer_name for layer_name, _ in changes.without}) > MOST_OPEN:
        raise _refused(f"too many layers at once; expected filters of at most {MOST_OPEN} layers")


def what_if(
    manifest: Manifest,
    network: Network,
    pixels: NDArray[np.uint8],
    changes: Changes,
    record: NetworkRecord | None,
    without: Callable[[str, int], Probabilities],
) -> WhatIf:
    """The answers after every change; to be called in the thread of the sessions.

    Args:
        manifest: the version.
        network: in memory, for predictions.
        pixels: uint8, shape (height, width, channels).
        changes: what to try.
        record: of the network; needed by some changes.
        without: the probabilities with a channel of a layer switched off.
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
    for layer, channel in changes.without:
        switched_off: list[str | int] = [layer, channel]
        series.append(_line(manifest, "without", switched_off, without(layer, channel), top))
    original = Original(label=manifest.classes[top], probability=rounded_one(float(before[top])))
    return WhatIf(model=manifest.model, version=manifest.version, original=original, series=series)


def without_channel(
    sessions: InsideSessions,
    manifest: Manifest,
    layer: LayerRecord,
    tails: Tails,
    images: NDArray[np.float32],
    channel: int,
) -> Probabilities:
    """The probabilities with one channel of a layer switched off; to be called in the thread of the sessions."""
    inputs = unchanged(layer.output_shape[-1])
    inputs[KEEP][0, channel] = 0
    name = PUSHED + OUTPUT_TENSOR
    probabilities: Probabilities = tail_session(sessions, manifest, layer, tails).run([name], images, **inputs)[name][0]
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


def _refused(message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("body", "without"), "msg": message}])
