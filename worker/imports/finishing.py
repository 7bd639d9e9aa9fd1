"""Brings the end of a model into the form that every network here has: one softmax over all classes.

Also its beginning: what the client says about pixels, merged with the scaling that the model itself begins with.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worker.architectures.grammar import ActivationLayer, BatchNormalization, Dense, Rescaling
from worker.imports.errors import ImportRefused
from worker.imports.layer_graph import Node
from worker.imports.options import SCALINGS, Outputs, PixelScaling
from worker.imports.steps import Joined, Step, Steps, step
from worker.imports.weights import NumbersFile, Stored

SOFTMAX = {"activation": "softmax", "units": "classes"}
_LIKE_PIXELS = 0.1
"""A model that begins by multiplying with less than this expects pixels up to 255, not up to 1."""
_SAME = 1e-6


def finished(
    steps: Steps, end: Node, shape: Sequence[int], outputs: Outputs, numbers: NumbersFile, read: "Reader"
) -> tuple[Steps, int, tuple[str, ...]]:
    """The steps with a softmax at the end, the number of classes, and remarks for people.

    Raises:
        ImportRefused: the model does not end with one value for each class.
    """
    last = steps[-1] if steps else None
    if len(shape) != 1 or not isinstance(last, Step):
        raise _no_classifier(end, shape)
    match last.layer:
        case Dense(activation="softmax"):
            return _with_softmax(steps[:-1], last), shape[0], ()
        case ActivationLayer(activation="softmax"):
            return _softmax_behind(steps[:-1], end, shape[0], numbers), shape[0], ()
        case Dense(activation="sigmoid") | ActivationLayer(activation="sigmoid"):
            return _binary(steps, end, shape[0], numbers, read)
        case Dense(activation=None) if outputs != "probabilities":
            if shape[0] == 1:
                return _binary(steps, end, shape[0], numbers, read)
            return _with_softmax(steps[:-1], last), shape[0], ("The model ends with logits; a softmax was added.",)
    raise _no_classifier(end, shape)


class Reader:
    """Reads arrays back that were written before."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, stored: Stored) -> NDArray[np.float32]:
        """The array: float32."""
        count = int(np.prod(stored.shape, dtype=np.int64))
        return np.fromfile(self._path, "<f4", count, offset=4 * stored.offset).reshape(stored.shape)


def _no_classifier(end: Node, shape: Sequence[int]) -> ImportRefused:
    got = f"{end}, whose output has the shape {tuple(shape)}"
    return ImportRefused(
        f"The model is no classifier of this kind; expected a dense layer with one unit for each class and softmax "
        f"or no activation at the end, got {got}.",
        "Several labels for one picture (sigmoid) are not supported, but two classes by one sigmoid are.",
    )


def _with_softmax(before: Steps, last: Step) -> Steps:
    return (*before, Step(last.layer.model_copy(update=SOFTMAX), last.arrays))


def _softmax_behind(before: Steps, end: Node, n_classes: int, numbers: NumbersFile) -> Steps:
    """The softmax as part of the dense layer before it, else of one that changes nothing."""
    last = before[-1] if before else None
    if isinstance(last, Step) and isinstance(last.layer, Dense) and last.layer.activation is None:
        return _with_softmax(before[:-1], last)
    identity = numbers.add(np.eye(n_classes, dtype=np.float32))
    return (*before, step(end, "dense", (identity,), units="classes", activation="softmax", use_bias=False))


def _binary(
    steps: Steps, end: Node, n_outputs: int, numbers: NumbersFile, read: Reader
) -> tuple[Steps, int, tuple[str, ...]]:
    """Two classes by one sigmoid: the softmax over 0 and the unit's value is the same."""
    last = steps[-1]
    if isinstance(last, Step) and isinstance(last.layer, ActivationLayer):
        steps, last = steps[:-1], steps[-2] if len(steps) > 1 else last
    if n_outputs != 1 or not isinstance(last, Step) or not isinstance(last.layer, Dense):
        raise _no_classifier(end, (n_outputs,))
    if steps[-1] is not last or last.layer.activation not in (None, "sigmoid"):
        raise _no_classifier(end, (n_outputs,))
    arrays = []
    for stored in last.arrays:
        values = read.read(stored)
        arrays.append(numbers.add(np.concatenate([np.zeros_like(values), values], axis=-1)))
    two = step(end, "dense", tuple(arrays), units="classes", activation="softmax", use_bias=last.layer.use_bias)
    return (*steps[:-1], two), 2, ("One sigmoid became two classes; the second is the one that it speaks for.",)


def expects(steps: Steps, read: Reader) -> str:
    """What a model expects of pixels, by the scaling that it begins with: `pixels` or `unit`."""
    first = next((found for found in steps if isinstance(found, Joined) or found.layer.type != "dropout"), None)
    if not isinstance(first, Step):
        return "unit"
    match first.layer:
        case Rescaling(scale=scale):
            return "pixels" if abs(scale) < _LIKE_PIXELS else "unit"
        case BatchNormalization() if first.arrays:
            gamma, _, _, variance = (read.read(stored) for stored in first.arrays)
            slopes = np.abs(gamma) / np.sqrt(np.maximum(variance, 0) + first.layer.epsilon)
            return "pixels" if bool((slopes < _LIKE_PIXELS).all()) else "unit"
    return "unit"


def scaling_of(chosen: object) -> PixelScaling:
    """The scaling that a name stands for."""
    return SCALINGS[chosen] if isinstance(chosen, str) else PixelScaling.model_validate(chosen)


def merged(before: Steps, steps: Steps, node: Node) -> Steps:
    """Scalings at the beginning as one; none where they cancel each other."""
    match before, steps:
        case (Step(layer=Rescaling() as outer),), (Step(layer=Rescaling() as inner), *rest):
            scale, offset = outer.scale * inner.scale, outer.offset * inner.scale + inner.offset
            both = step(node, "rescaling", scale=scale, offset=offset)
            return merged((both,), tuple(rest), node)
        case (Step(layer=Rescaling(scale=scale, offset=offset)),), _ if abs(scale - 1) < _SAME and abs(offset) < _SAME:
            return steps
    return (*before, *steps)
