"""Finds the layout of an archive from the paths of its pictures: where class folders are, and which splits there are.

People zip one folder around everything, and put scripts, documents and previews beside the pictures, so the layout is
the one that most pictures fit. What is in the files is not known here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.report import Split
from worker.datasets.upload.split_names import EVALUATION, split_named, split_word


@dataclass(frozen=True)
class Layout:
    """Where the class folders are.

    Attributes:
        prefix: folders around them, or around the folders of the splits.
        splits: folders of the splits by name; none when the class folders are directly below the prefix.
        classes: names of the class folders.
        n_pictures: pictures that lie directly in a class folder.
        is_class_first: splits are inside the class folders (`cat/train`), not around them (`train/cat`).
        unseen: folders of splits that have no class of the training split, and are not used.
        n_unseen: pictures in their class folders.
    """

    prefix: Parts
    splits: Mapping[str, Split]
    classes: frozenset[str]
    n_pictures: int
    is_class_first: bool = False
    unseen: tuple[str, ...] = ()
    n_unseen: int = 0

    @property
    def depth(self) -> int:
        """Number of parts in the path of a picture in a class folder."""
        return len(self.prefix) + (3 if self.splits else 2)

    @property
    def class_at(self) -> int:
        """Which part of such a path is the name of the class."""
        return len(self.prefix) + (1 if self.splits and not self.is_class_first else 0)

    @property
    def split_at(self) -> int:
        """Which part is the name of the split, if there are splits."""
        return len(self.prefix) + (1 if self.is_class_first else 0)

    def holds(self, parts: Parts) -> bool:
        """Whether a path begins as those of the class folders do."""
        if parts[: len(self.prefix)] != self.prefix:
            return False
        if not self.splits or self.is_class_first:
            return True
        return len(parts) > self.split_at and parts[self.split_at] in self.splits

    def has_in_class(self, parts: Parts) -> bool:
        """Whether this is the path of a file directly in a class folder."""
        if len(parts) != self.depth or not self.holds(parts):
            return False
        return self.class_of(parts) in self.classes and (not self.splits or parts[self.split_at] in self.splits)

    def class_of(self, parts: Parts) -> str:
        """The name of the class folder around such a file."""
        return parts[self.class_at]

    def split_of(self, parts: Parts) -> Split | None:
        """The split of such a file; None without splits."""
        return self.splits[parts[self.split_at]] if self.splits else None


def find_layout(pictures: Sequence[Parts], fewest: int = MIN_CLASSES) -> Layout:
    """The layout that most pictures fit; with too few classes, when there is no better one.

    Args:
        pictures: paths of all files that may be pictures.
        fewest: classes that there must be.
    """
    found = [
        *_with_splits(pictures, split_at=-3, class_at=-2),
        *_with_splits(pictures, split_at=-2, class_at=-3),
        *_with_classes(pictures),
    ]
    usable = [layout for layout in found if len(layout.classes) >= fewest]
    best = max(usable or found, key=lambda layout: (layout.n_pictures, -len(layout.prefix)), default=None)
    return _without_unseen(best, pictures) if best else Layout((), {}, frozenset(), 0)


def doubled_splits(pictures: Iterable[Parts]) -> frozenset[Parts]:
    """Folders of splits that have nothing but a folder of the same name in them, such as `seg_train/seg_train`."""
    inside: dict[Parts, set[str]] = defaultdict(set)
    for parts in pictures:
        for end in range(1, len(parts)):
            if split_named(parts[end - 1]):
                inside[parts[:end]].add(parts[end] if end < len(parts) - 1 else "")
    return frozenset(folder for folder, names in inside.items() if names == {folder[-1]})


def undoubled(parts: Parts, doubled: frozenset[Parts]) -> Parts:
    """A path without the second of two folders of one name."""
    return tuple(part for at, part in enumerate(parts) if not at or parts[:at] not in doubled)


def _with_splits(pictures: Iterable[Parts], split_at: int, class_at: int) -> list[Layout]:
    """Layouts with a training split and another one, around the class folders or inside them."""
    splits: dict[Parts, dict[str, Split]] = defaultdict(dict)
    classes: dict[Parts, set[str]] = defaultdict(set)
    counts: Counter[Parts] = Counter()
    for parts in pictures:
        split = split_named(parts[split_at]) if len(parts) >= 3 else None
        if split is not None:
            prefix = parts[:-3]
            splits[prefix][parts[split_at]] = split
            classes[prefix].add(parts[class_at])
            counts[prefix] += 1
    return [
        Layout(prefix, _told_apart(found), frozenset(classes[prefix]), counts[prefix], split_at > class_at)
        for prefix, found in splits.items()
        if "train" in found.values() and len(set(found.values())) > 1
    ]


def _told_apart(splits: Mapping[str, Split]) -> Mapping[str, Split]:
    """The splits; `evaluation` beside another validation split, and without a test split, is the test split."""
    evaluation = {name for name in splits if split_word(name) in EVALUATION}
    others = {split for name, split in splits.items() if name not in evaluation}
    if "validation" in others and "test" not in others:
        return {**splits, **dict.fromkeys(evaluation, "test")}
    return splits


def _without_unseen(layout: Layout, pictures: Iterable[Parts]) -> Layout:
    """The layout without splits that share no class with the training split: nothing can be learned about them."""
    classes: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for parts in filter(layout.has_in_class, pictures if layout.splits else ()):
        classes[parts[layout.split_at]].add(layout.class_of(parts))
        counts[parts[layout.split_at]] += 1
    learned = {_alike(name) for folder, names in classes.items() if layout.splits[folder] == "train" for name in names}
    kept = [folder for folder, names in classes.items() if learned & {_alike(name) for name in names}]
    if len(kept) == len(classes):
        return layout
    return replace(
        layout,
        splits={folder: layout.splits[folder] for folder in kept},
        classes=frozenset(name for folder in kept for name in classes[folder]),
        n_pictures=sum(counts[folder] for folder in kept),
        unseen=tuple(sorted(classes.keys() - set(kept))),
        n_unseen=sum(counts[folder] for folder in classes if folder not in kept),
    )


def _alike(name: str) -> str:
    return name.strip(" ").lower()


def _with_classes(pictures: Iterable[Parts]) -> list[Layout]:
    """Layouts without splits."""
    classes: dict[Parts, set[str]] = defaultdict(set)
    counts: Counter[Parts] = Counter()
    for parts in pictures:
        if len(parts) >= 2:
            classes[parts[:-2]].add(parts[-2])
            counts[parts[:-2]] += 1
    return [Layout(prefix, {}, frozenset(found), counts[prefix]) for prefix, found in classes.items()]
