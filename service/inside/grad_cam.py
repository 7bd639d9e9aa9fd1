"""Why an answer, by slope: how much a class's logit changes when whole channels of a layer change.

This is Grad-CAM: the slope for a channel is the sum of the logit's gradient over that channel's map. A version's tail
computes it; where it cannot, and in versions of older releases, the channel is pushed a little, up and down.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.inside.records import layers_not_recorded
from service.inside.sessions import InsideSession, InsideSessions
from worker.inside.errors import LayerNotFound
from worker.inside.layout import keras_output
from worker.inside.record import PUSH, PUSHED, LayerRecord, NetworkRecord, Tails

EPSILON = 1e-4
"""How far a channel is pushed, relative to the layer's largest value. Farther, and units behind it switch on and off:
with 1e-1 the first layer of an untrained GoogLeNet correlated by 0.82 with Keras's gradients, with 1e-3 by 0.9961 to
0.9984, with 1e-4 by 0.9995. Nearer, and the logits' last digits count: with 1e-5 its layers fell to 0.951 to 0.999."""
ROWS_BYTES = 64_000_000
"""Memory for the pushed copies that run at once."""
MOST_ROWS = 512


def layer_to_explain(record: NetworkRecord, name: str | None) -> LayerRecord:
    """The layer at which Grad-CAM looks; by default the last one that it can.

    Raises:
        LayerNotFound: there is none, or Grad-CAM cannot look at it.
    """
    known = record.explainable
    layer = record.layer(name if name is not None else (known or ("",))[-1])
    if layer is None or not layer.is_explainable:
        raise LayerNotFound(name or "", "an explanation by Grad-CAM", known)
    return layer


def tail_session(sessions: InsideSessions, manifest: Manifest, layer: LayerRecord, tails: Tails) -> InsideSession:
    """The network with the layer's tail; to be called in the thread of the sessions. Raises `NotRecorded`."""
    tail = tails.of(layer.name)
    if tail is None:
        raise layers_not_recorded(manifest)
    return sessions.session(manifest, layer.name, lambda data: data + tail)


def grad_cam(
    session: InsideSession,
    record: NetworkRecord,
    layer: LayerRecord,
    images: NDArray[np.float32],
    class_index: int,
    *,
    is_exact: bool,
) -> NDArray[np.float64]:
    """Where a layer speaks for a class.

    Args:
        session: has the layer's tail.
        record: of the network.
        layer: where to look.
        images: float32, shape (1, height, width, channels), values in [0, 1].
        class_index: the class.
        is_exact: the tail gives slopes, not logits.

    Returns:
        Shape (height, width) of the layer's maps; never negative, all 0 where nothing speaks for the class.
    """
    maps = _maps(session, layer, images)
    height, width, n_channels = maps.shape
    at_once = max(1, min(MOST_ROWS, ROWS_BYTES // (4 * _values_behind(record, layer))) // 2)
    push = float(EPSILON * np.abs(maps).max() or EPSILON)

    def slopes(push: NDArray[np.float32]) -> NDArray[np.float64]:
        name = PUSHED + record.logits
        found: NDArray[np.float64] = session.run([name], images, {PUSH: push})[name][:, class_index].astype(np.float64)
        return found

    parts = []
    for start in range(0, n_channels, at_once):
        one = _one_each(range(start, min(start + at_once, n_channels)), n_channels)
        parts.append(slopes(one) if is_exact else _difference(slopes, one, push))
    weights = np.concatenate(parts) / (height * width)
    found: NDArray[np.float64] = np.maximum(maps @ weights, 0)
    return found


def _maps(session: InsideSession, layer: LayerRecord, images: NDArray[np.float32]) -> NDArray[np.float64]:
    n_channels = layer.output_shape[-1]
    # Pushed by nothing, they are those of the layer.
    pushed = PUSHED + str(layer.tensor)
    values = session.run([pushed], images, {PUSH: np.zeros((1, n_channels, 1, 1), np.float32)})[pushed]
    maps: NDArray[np.float64] = keras_output(values, is_channels_last=layer.is_channels_last)[0].astype(np.float64)
    return maps


def _one_each(channels: range, n_channels: int) -> NDArray[np.float32]:
    """1 for one channel of each row, and 0 for the others."""
    one = np.zeros((len(channels), n_channels, 1, 1), np.float32)
    one[np.arange(len(channels)), channels] = 1
    return one


def _difference(
    logits: Callable[[NDArray[np.float32]], NDArray[np.float64]], one: NDArray[np.float32], push: float
) -> NDArray[np.float64]:
    """The slopes between the logits of a push up and of a push down."""
    up_down = logits(np.concatenate([one, -one]) * np.float32(push))
    slopes: NDArray[np.float64] = (up_down[: len(one)] - up_down[len(one) :]) / (2 * push)
    return slopes


def _values_behind(record: NetworkRecord, layer: LayerRecord) -> int:
    """Values that one pushed copy takes, at most: those of the layer and of all behind it."""
    behind = record.layers[record.layers.index(layer) :]
    return sum(math.prod(each.output_shape) for each in behind)
