"""Finds the layout of an archive from the paths of its pictures: where class folders are, and which splits there are.

People zip one folder around everything, and put scripts, documents and previews beside the pictures, so the layout is
the one that most pictures fit. What is in the files is not known here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.report import Split

SPLITS: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training", "trainset", "train_set", "training_set"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "val_set", "validation_set", "dev", "eval"), "validation"),
    **dict.fromkeys(("test", "testing", "tests", "testset", "test_set"), "test"),
}
"""Names of the folders of splits, in lower case."""

_LIKE_A_SPLIT = re.compile(
    r"(train|training|test|testing|val|valid|validation|dev|eval)([-_ ]?(set|images|data))?[-_ ]?\d*"
)
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Layout:
    """Where the class folders are.

    Attributes:
        prefix: folders around them, or around the folders of the splits.
        splits: folders of the splits by name; none when the class folders are directly below the prefix.
        classes: names of the class folders.
        n_pictures: pictures that lie directly in a class folder.
    """

    prefix: Parts
    splits: Mapping[str, Split]
    classes: frozenset[str]
    n_pictures: int

    @property
    def depth(self) -> int:
        """Number of parts in the path of a picture in a class folder."""
        return len(self.prefix) + (3 if self.splits else 2)

    def holds(self, parts: Parts) -> bool:
        """Whether a path begins as those of the class folders do."""
        at = len(self.prefix)
        return parts[:at] == self.prefix and (not self.splits or (len(parts) > at and parts[at] in self.splits))

    def has_in_class(self, parts: Parts) -> bool:
        """Whether this is the path of a file directly in a class folder."""
        return len(parts) == self.depth and self.holds(parts)

    def split_of(self, parts: Parts) -> Split | None:
        """The split of such a file; None without splits."""
        return self.splits[parts[len(self.prefix)]] if self.splits else None


def find_layout(pictures: Sequence[Parts]) -> Layout:
    """The layout that most pictures fit; with too few classes, when there is no better one.

    Args:
        pictures: paths of all files that may be pictures.
    """
    found = [*_with_splits(pictures), *_with_classes(pictures)]
    usable = [layout for layout in found if len(layout.classes) >= MIN_CLASSES]
    best = max(usable or found, key=lambda layout: (layout.n_pictures, -len(layout.prefix)), default=None)
    return best or Layout((), {}, frozenset(), 0)


def _with_splits(pictures: Iterable[Parts]) -> list[Layout]:
    """Layouts with a training split and another one."""
    splits: dict[Parts, dict[str, Split]] = defaultdict(dict)
    classes: dict[Parts, set[str]] = defaultdict(set)
    counts: Counter[Parts] = Counter()
    for parts in pictures:
        split = SPLITS.get(parts[-3].casefold()) if len(parts) >= 3 else None
        if split is not None:
            prefix = parts[:-3]
            splits[prefix][parts[-3]] = split
            classes[prefix].add(parts[-2])
            counts[prefix] += 1
    return [
        Layout(prefix, found, frozenset(classes[prefix]), counts[prefix])
        for prefix, found in splits.items()
        if "train" in found.values() and len(set(found.values())) > 1
    ]


def _with_classes(pictures: Iterable[Parts]) -> list[Layout]:
    """Layouts without splits."""
    classes: dict[Parts, set[str]] = defaultdict(set)
    counts: Counter[Parts] = Counter()
    for parts in pictures:
        if len(parts) >= 2:
            classes[parts[:-2]].add(parts[-2])
            counts[parts[:-2]] += 1
    return [Layout(prefix, {}, frozenset(found), counts[prefix]) for prefix, found in classes.items()]


def is_like_splits(classes: Iterable[str]) -> bool:
    """Whether all names are such as splits have (`train`, `test1`), so that they are no classes."""
    return all(_LIKE_A_SPLIT.fullmatch(name.casefold()) for name in classes)


def is_numbered(classes: Iterable[str]) -> bool:
    """Whether the names differ in digits only, as those of parts of one folder do (`images_1`, `images_2`)."""
    return len({_DIGITS.sub("#", name) for name in classes}) == 1
