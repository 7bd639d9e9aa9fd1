"""Shortens a line of text to a width, whatever draws it."""

from bisect import bisect_right
from collections.abc import Callable

ELLIPSIS = "…"


def cut_to_fit(text: str, width: float, width_of: Callable[[str], float]) -> str:
    """The text if it fits; else its beginning and its end, where names often differ.

    Args:
        text: one line.
        width: the most that it may take.
        width_of: measures a text, in the unit of `width`.
    """
    if width_of(text) <= width:
        return text
    n_letters = bisect_right(range(2, len(text)), width, key=lambda most: width_of(_cut(text, most)))
    return _cut(text, n_letters + 1)


def _cut(text: str, most: int) -> str:
    n_tail = (most - 1) // 3
    return text[: most - 1 - n_tail] + ELLIPSIS + text[len(text) - n_tail :]
