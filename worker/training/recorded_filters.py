"""Which filters are dead, from the record of the network's layers that the trainer has just written."""

from pathlib import Path

from worker.artifacts import LAYERS_FILE
from worker.doctor.facts import FilterFacts
from worker.inside.record import NetworkRecord

FEWEST_PICTURES = 64
"""A filter that is silent on fewer pictures may have a part to play on others. Networks of more than 0.5 GFLOPs are
watched on fewer, see `worker.training.inside.recording`."""
FILTERED = frozenset({"conv2d", "depthwise_conv2d", "separable_conv2d", "activation"})


def recorded_filters(directory: Path) -> tuple[FilterFacts, ...] | None:
    """The layers with filters and their dead ones; None when the layers were not recorded, or on too few pictures.

    Args:
        directory: of the files to publish.
    """
    path = directory / LAYERS_FILE
    if not path.is_file():
        return None
    record = NetworkRecord.model_validate_json(path.read_bytes())
    if record.pictures < FEWEST_PICTURES:
        return None
    return tuple(
        FilterFacts(layer=layer.name, filters=layer.output_shape[-1], dead=layer.dead)
        for layer in record.layers
        if layer.type in FILTERED and len(layer.output_shape) == 3
    )
