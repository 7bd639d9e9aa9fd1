"""Turns the names of class folders into labels: spaces at the ends are left out, and spellings of two splits joined."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.errors import shown
from worker.datasets.upload.labels import case_twins
from worker.datasets.upload.layouts import Layout
from worker.datasets.upload.report import Split


def labels_of(layout: Layout, pictures: Iterable[Parts]) -> Mapping[str, str]:
    """The label of each class folder.

    `Cat` and `cat` in one folder are two classes, since somebody told them apart. `train/Cat` and `test/cat` are one,
    and called as in the training split.
    """
    counts: dict[str, Counter[Split | None]] = defaultdict(Counter)
    for parts in pictures:
        if layout.has_in_class(parts):
            counts[layout.class_of(parts).strip(" ")][layout.split_of(parts)] += 1
    labels = {name: name for name in counts}
    for twins in case_twins(counts):
        if max(Counter(split for name in twins for split in counts[name]).values()) == 1:
            called = max(twins, key=lambda name: (counts[name]["train"], name))
            labels.update(dict.fromkeys(twins, called))
    return {name: labels[name.strip(" ")] for name in layout.classes}


def warnings_about(labels: Mapping[str, str]) -> tuple[str, ...]:
    """What may not be as the uploader meant it.

    Args:
        labels: of each class folder.
    """
    joined = [name for name, label in labels.items() if name.strip(" ") != label]
    told = [f"Class folder {shown(name)} was taken for class {shown(labels[name])}." for name in sorted(joined)]
    return (*told, *warnings_about_case(set(labels.values())))


def warnings_about_case(labels: Iterable[str]) -> tuple[str, ...]:
    """That two classes differ in the case of letters only."""
    return tuple(map(_told, case_twins(labels)))


def _told(twins: Sequence[str]) -> str:
    return (
        f"The classes {' and '.join(map(shown, twins))} differ in case only. If they are one, rename and upload again."
    )
