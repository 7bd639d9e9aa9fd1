"""The path of a layer in a description, written as a path, as a short index, or as words.

The layer table, error messages and the Keras builder all name layers by it, so they cannot disagree. This module does
not know what layers do.
"""

from dataclasses import dataclass

from worker.architectures.errors import ArchitectureError, Loc

RESIZING_INDEX = "input"
"""Index in the layer table of the resizing that comes before layer 0."""


@dataclass(frozen=True)
class LayerPath:
    """One layer's path: `loc` is its path in the description, `type` the layer's type there."""

    loc: Loc
    type: str

    @property
    def index(self) -> str:
        """The path in short: `3`, `3.branch0.1`, `3.layers.1`, `3.shortcut.0`."""
        short = ".".join(str(part) for part in self.loc[1:])
        return short.replace("branches.", "branch")

    def __str__(self) -> str:
        return f"layer {self.index} ({self.type})"

    def error(self, *field: str | int, wrong: str, expected: str, got: str) -> ArchitectureError:
        """The error to raise for this layer, or for one of its fields."""
        return ArchitectureError((*self.loc, *field), f"{self}: {wrong}; expected {expected}, got {got}")
