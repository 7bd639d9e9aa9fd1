"""What can go wrong when one looks inside a version. `service.web.verdicts` gives each its HTTP status."""

from collections.abc import Sequence


class LayerNotFound(Exception):
    """A version has no such layer, or the layer does not have what is asked for."""

    def __init__(self, layer: str, what: str, known: Sequence[str]) -> None:
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "") or "none here"
        super().__init__(f"There is no such layer; expected a layer with {what} ({listed}), got {layer[:100]!r}.")
