"""Raises exceptions of ours instead of those of a library."""

from collections.abc import Callable
from typing import Literal

Kinds = tuple[type[BaseException], ...]


class RaisedInstead:
    """A context that raises another exception instead of one that leaves its block.

    Not a generator with `contextmanager`: from Python 3.12 on, an exception that is raised in one is in a cycle with
    the frames behind it. These hold the file of a damaged picture, whose memory then came back only when the garbage
    collector ran.

    Args:
        replacements: kinds of exceptions, and what makes the one to raise instead; the first that fits is taken.
    """

    def __init__(self, *replacements: tuple[Kinds, Callable[[], Exception]]) -> None:
        self._replacements = replacements

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> Literal[False]:
        for kinds, replacement in self._replacements:
            if isinstance(error, kinds):
                raise replacement() from error
        return False
