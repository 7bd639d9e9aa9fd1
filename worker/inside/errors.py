"""What can go wrong when one looks inside a version. `service.web.verdicts` gives each its HTTP status."""

from collections.abc import Sequence


class InsideError(Exception):
    """Base class of the errors about what is inside a network."""


class NotRecorded(InsideError):
    """A version, published by an older release or imported, lacks what a request needs to know about it."""

    def __init__(self, model: str, version: int) -> None:
        super().__init__(
            f"Version {version} of {model!r} has no record of its layers; expected one, which newer versions get when "
            f"they are published. POST /models/{model}/versions/{version}/record starts a small job that records it."
        )


class LayerNotFound(InsideError):
    """A version has no such layer, or the layer does not have what is asked for."""

    def __init__(self, layer: str, what: str, known: Sequence[str]) -> None:
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "") or "none here"
        super().__init__(f"There is no such layer; expected a layer with {what} ({listed}), got {layer[:100]!r}.")
