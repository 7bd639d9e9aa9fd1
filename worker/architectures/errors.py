"""Everything that can be wrong with a description of a network, and where.

    ArchitectureError           a description that cannot work, with the path of the fault (`loc`)
    ├── ArchitectureNotFound    no preset has this name
    └── OverrideError           a change that does not fit the network

This module does not know HTTP. The API shows `loc` as the path of a field.
"""

from collections.abc import Iterable

Loc = tuple[str | int, ...]


class ArchitectureError(ValueError):
    """A description that cannot work.

    Attributes:
        loc: path of the part at fault inside the description, such as `("layers", 3, "kernel_size")`;
            empty for the description as a whole.
        message: what is wrong, what was expected and what came, with the layer named.
    """

    def __init__(self, loc: Loc, message: str) -> None:
        super().__init__(loc, message)
        self.loc = loc
        self.message = message

    def __str__(self) -> str:
        return self.message


class ArchitectureNotFound(ArchitectureError):
    """No preset has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        expected = ", ".join(sorted(known))
        super().__init__((), f"no such architecture; expected one of {expected}, got {name[:64]!r}")
        self.name = name


class OverrideError(ArchitectureError):
    """A change that does not fit the network: `loc` is `("overrides", field)`, or only `("overrides",)`."""
