"""What every layer makes of a picture: the values of its maps, read from the running network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.inside.sessions import InsideSession, InsideSessions
from worker.artifacts import OUTPUT_TENSOR
from worker.inside.errors import LayerNotFound
from worker.inside.layout import keras_kernel, keras_output
from worker.inside.protobuf import with_outputs
from worker.inside.record import KernelTensor, LayerRecord, NetworkRecord

LOOK = "/look"
"""Name of the session that gives all maps and kernels; no layer has it."""


@dataclass(frozen=True)
class LayerMaps:
    """One layer's output for one picture.

    Attributes:
        layer: its record.
        values: float32, shape (height, width, channels), or (values,).
    """

    layer: LayerRecord
    values: NDArray[np.float32]


def layer_with_maps(record: NetworkRecord, name: str) -> LayerRecord:
    """The layer of this name. Raises `LayerNotFound` if there is none, or it has no maps."""
    layer = record.layer(name)
    if layer is None or not layer.n_maps:
        raise LayerNotFound(name, "maps", [known.name for known in record.layers if known.n_maps])
    return layer


def kernel_of_layer(record: NetworkRecord, name: str) -> KernelTensor:
    """Where the kernel of this layer is. Raises `LayerNotFound` if there is no such layer, or it has no kernel."""
    layer = record.layer(name)
    if layer is None or layer.kernel is None:
        raise LayerNotFound(name, "kernels", [known.name for known in record.layers if known.kernel])
    return layer.kernel


def read_maps(
    sessions: InsideSessions,
    manifest: Manifest,
    record: NetworkRecord,
    images: NDArray[np.float32],
    layers: Sequence[LayerRecord],
) -> tuple[list[LayerMaps], NDArray[np.float32]]:
    """The maps of some layers, and the probabilities; to be called in the thread of the sessions.

    Args:
        sessions: open networks.
        manifest: the version.
        record: of its layers.
        images: float32, shape (1, height, width, channels), values in [0, 1].
        layers: with maps.
    """
    tensors = [layer.tensor for layer in layers if layer.tensor is not None]
    found = _session(sessions, manifest, record).run([*tensors, OUTPUT_TENSOR], images)
    maps = [
        LayerMaps(layer, keras_output(found[layer.tensor], is_channels_last=layer.is_channels_last)[0])
        for layer in layers
        if layer.tensor is not None
    ]
    return maps, found[OUTPUT_TENSOR][0]


def read_kernel(
    sessions: InsideSessions, manifest: Manifest, record: NetworkRecord, kernel: KernelTensor
) -> NDArray[Any]:
    """A kernel, shape (height, width, channels, filters); to be called in the thread of the sessions."""
    nothing = np.zeros((1, *manifest.input_shape), np.float32)
    values = _session(sessions, manifest, record).run([kernel.tensor], nothing)[kernel.tensor]
    found = keras_kernel(values, kernel.shape)
    if found is None:
        raise ValueError(f"the tensor {kernel.tensor} has another shape than was recorded: {values.shape}")
    return found


def _session(sessions: InsideSessions, manifest: Manifest, record: NetworkRecord) -> InsideSession:
    tensors = [layer.tensor for layer in record.layers if layer.n_maps and layer.tensor not in {None, OUTPUT_TENSOR}]
    kernels = [layer.kernel.tensor for layer in record.layers if layer.kernel is not None]
    names = [name for name in (*tensors, *kernels) if name is not None]
    return sessions.session(manifest, LOOK, lambda data: with_outputs(data, names))
