"""Chooses the test pictures: stratified by class, repeatable by a seed, no picture of a class in both splits."""

from collections.abc import Sequence

import numpy as np


def draw_test_split(
    labels: Sequence[int], digests: Sequence[bytes], n_classes: int, share: float, seed: int
) -> list[bool]:
    """Whether each picture belongs to the test split.

    About `share` of the pictures of every class are chosen, at least one if the class has two different ones, and never
    all. Pictures of a class that are equal pixel for pixel stay together.
    """
    by_class: list[dict[bytes, list[int]]] = [{} for _ in range(n_classes)]
    for row, (label, digest) in enumerate(zip(labels, digests, strict=True)):
        by_class[label].setdefault(digest, []).append(row)
    is_test = [False] * len(labels)
    for label, groups in enumerate(by_class):
        for row in _drawn(list(groups.values()), share, np.random.default_rng([seed, label])):
            is_test[row] = True
    return is_test


def _drawn(groups: list[list[int]], share: float, random: np.random.Generator) -> list[int]:
    """Rows of whole groups, taken in random order until the share is reached; one group always remains."""
    wanted = max(1, round(share * sum(map(len, groups))))
    rows: list[int] = []
    for place in random.permutation(len(groups))[: len(groups) - 1]:
        if len(rows) >= wanted:
            break
        if not rows or len(rows) + len(groups[place]) <= wanted:
            rows += groups[place]
    return rows
