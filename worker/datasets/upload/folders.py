"""Sorts the files of an archive into classes and splits, by its class folders or by a table of labels.

Whether a file really is a picture shows only when it is decoded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from worker.datasets.upload.class_names import labels_of, warnings_about, warnings_about_case
from worker.datasets.upload.entry_paths import ArchiveFiles, Parts, sort_out
from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.labels import MAX_CLASSES, MIN_CLASSES, check_labels
from worker.datasets.upload.layouts import Layout, doubled_splits, find_layout, undoubled
from worker.datasets.upload.picture_files import may_be_picture
from worker.datasets.upload.report import SkippedLog, Split
from worker.datasets.upload.split_names import are_numbered, say_nothing
from worker.datasets.upload.tables.label_tables import LabelTable, find_label_table
from worker.datasets.upload.zip_directory import Entry

EXPECTED = (
    "expected a folder for each class with its pictures in it, or `train/` and `test/` with such folders, or a CSV "
    "file with the columns `filename` and `label` beside the pictures"
)
WARNED_SHARE = 0.1
"""Share of the pictures outside the class folders from which on the report warns."""
DOCUMENT_FOLDERS = frozenset({"docs", "doc", "documentation", "annotations", "scripts", "screenshots"})
"""Folders beside the class folders; pictures in them belong to texts."""
ENCODING_HINT = "upload again with the code page as `encoding`, such as cp850, cp866, cp932 or gbk"

File = tuple[Parts, Entry]


@dataclass(frozen=True, slots=True)
class Member:
    """One file that belongs to a class.

    Attributes:
        entry: location of its bytes.
        label: index of its class.
        split: to which the archive assigns it; None when the archive has no splits.
    """

    entry: Entry
    label: int
    split: Split | None


@dataclass(frozen=True)
class Content:
    """Classes and files, as the archive's names or its table define them.

    Attributes:
        classes: labels in ascending order.
        members: every file that belongs to a class, in ascending order of names.
        empty: folders where a class could be that have no such file, in ascending order.
        layout: what was understood, for people.
        warnings: what may not be as the uploader meant it, for people.
    """

    classes: tuple[str, ...]
    members: tuple[Member, ...]
    empty: tuple[str, ...]
    layout: str
    warnings: tuple[str, ...]

    def has_split(self, split: Split) -> bool:
        """Whether the archive assigns files to this split."""
        return any(member.split == split for member in self.members)


def arrange(
    archive: BinaryIO,
    entries: Sequence[Entry],
    skipped: SkippedLog,
    encoding: str | None = None,
    fewest: int = MIN_CLASSES,
) -> Content:
    """Sort the files into classes and splits.

    Args:
        archive: open for reading; only the first bytes of files, and tables of labels, are read.
        entries: of the whole archive.
        skipped: records every file that is not used.
        encoding: code page of names that are not UTF-8; `entries` were read with it.
        fewest: classes that there must be; one is enough for a dataset that grows.

    Raises:
        ArchiveRejected: a dangerous name, or neither class folders nor a table of labels.
    """
    found = sort_out(entries, skipped)
    pictures = _without_doubled_splits(found, [file for file in found.files if may_be_picture(archive, file[1])])
    paths = [parts for parts, _ in pictures]
    of_classes = [parts for parts in paths if not _is_in_documents(parts)] or paths
    layout = find_layout(of_classes, fewest)
    warnings = _warnings_about_names(found, encoding)
    if len(layout.classes) < fewest or say_nothing(layout.classes) or are_numbered(layout.classes):
        table = find_label_table(archive, found.files, paths, encoding, fewest)
        if table is not None and _is_better(table, layout, len(pictures), fewest):
            return _by_table(table, pictures, found, skipped, warnings)
    _skip_outside(layout, set(paths), found, skipped)
    _require_class_folders(layout, pictures, found, skipped, fewest)
    warnings = (*warnings, *_warnings_about(layout, len(pictures)))
    return _by_folders(layout, pictures, _empty_folders(layout, of_classes, found), found, warnings)


def _without_doubled_splits(found: ArchiveFiles, pictures: Sequence[File]) -> Sequence[File]:
    """Take `train/train/cat` for `train/cat`, in all paths; the entries keep their names."""
    doubled = doubled_splits([parts for parts, _ in pictures])
    if not doubled:
        return pictures
    found.files = [(undoubled(parts, doubled), entry) for parts, entry in found.files]
    found.folders = {undoubled(parts, doubled) for parts in found.folders}
    found.archives = [undoubled(parts, doubled) for parts in found.archives]
    return [(undoubled(parts, doubled), entry) for parts, entry in pictures]


def _is_in_documents(parts: Parts) -> bool:
    return any(part.casefold() in DOCUMENT_FOLDERS for part in parts[:-1])


def _is_better(table: LabelTable, layout: Layout, n_pictures: int, fewest: int) -> bool:
    """Whether a table says more than the folders: always, unless they may be classes that are called by numbers."""
    if len(layout.classes) < fewest or say_nothing(layout.classes):
        return True
    return table.has_known_title and 2 * len(table.labels) >= n_pictures


def _by_table(
    table: LabelTable, pictures: Iterable[File], found: ArchiveFiles, skipped: SkippedLog, warnings: tuple[str, ...]
) -> Content:
    n_labels = len(set(table.labels.values()))
    if n_labels > MAX_CLASSES:
        raise ArchiveRejected(f"{table.shown} has {n_labels} different labels; expected at most {MAX_CLASSES}.")
    classes = check_labels(set(table.labels.values()), f"A label in {table.shown}")
    index = {label: number for number, label in enumerate(classes)}
    members = []
    paths = set()
    for parts, entry in pictures:
        paths.add(parts)
        if parts in table.labels:
            members.append(Member(entry, index[table.labels[parts]], table.splits.get(parts)))
        else:
            skipped.add(entry.name, "no_label", f"{' and '.join(table.names)}: no label for it, or several")
    for parts, entry in found.files:
        if parts not in paths and entry.name not in table.names:
            skipped.add(entry.name, "outside_classes")
    told = (*warnings, *_warnings_about_table(table, len(paths), len(members)), *warnings_about_case(classes))
    column = "" if table.column is None else f", column {shown(table.column)}"
    return Content(classes, tuple(members), (), f"Labels were read from {table.shown}{column}.", told)


def _warnings_about_table(table: LabelTable, n_pictures: int, n_labelled: int) -> tuple[str, ...]:
    warnings = []
    if table.is_guessed:
        warnings.append(
            f"{table.shown} is not UTF-8 and was read as code page 1252. If labels look wrong, {ENCODING_HINT}."
        )
    if table.n_unfound:
        warnings.append(f"{table.n_unfound:,} rows of {table.shown} name no picture of the archive, or one of several.")
    n_unlabelled = n_pictures - n_labelled
    if n_unlabelled > WARNED_SHARE * n_pictures:
        warnings.append(f"{n_unlabelled:,} of {n_pictures:,} pictures have no label and are not used.")
    return tuple(warnings)


def _by_folders(
    layout: Layout, pictures: Iterable[File], empty: tuple[str, ...], found: ArchiveFiles, warnings: tuple[str, ...]
) -> Content:
    labels = labels_of(layout, (parts for parts, _ in pictures))
    try:
        classes = check_labels(set(labels.values()), "A class folder's name")
    except ArchiveRejected as error:
        hint = f" Names are in an old code page; {ENCODING_HINT}." if found.n_guessed_names else ""
        raise ArchiveRejected(error.message + hint, error.code) from None
    index = {label: number for number, label in enumerate(classes)}
    members = tuple(
        Member(entry, index[labels[layout.class_of(parts)]], layout.split_of(parts))
        for parts, entry in pictures
        if layout.has_in_class(parts)
    )
    return Content(classes, members, empty, _described(layout), (*warnings, *warnings_about(labels)))


def _empty_folders(layout: Layout, pictures: Iterable[Parts], found: ArchiveFiles) -> tuple[str, ...]:
    """Folders where a class could be; those with only documents, scripts and the like are none."""
    place = layout.class_at

    def at_place(paths: Iterable[Parts], n_more: int) -> set[str]:
        return {parts[place] for parts in paths if len(parts) > place + n_more and layout.holds(parts)}

    of_use = at_place([*pictures, *found.archives], 1)
    of_no_use = at_place((parts for parts, _ in found.files), 1) - of_use
    return tuple(sorted(at_place(found.folders, 0) - layout.classes - of_no_use))


def _skip_outside(layout: Layout, pictures: set[Parts], found: ArchiveFiles, skipped: SkippedLog) -> None:
    for parts, entry in found.files:
        if layout.has_in_class(parts):
            if parts not in pictures:
                skipped.add(entry.name, "not_a_picture")
        elif parts in pictures and layout.holds(parts) and len(parts) > layout.depth:
            skipped.add(entry.name, "too_deep")
        else:
            skipped.add(entry.name, "outside_classes")


def _require_class_folders(
    layout: Layout, pictures: Sequence[File], found: ArchiveFiles, skipped: SkippedLog, fewest: int
) -> None:
    n_classes = len(layout.classes)
    if fewest <= n_classes <= MAX_CLASSES:
        if say_nothing(layout.classes):
            raise _flat(layout)
        if 2 * layout.n_pictures <= len(pictures) - layout.n_unseen:
            raise ArchiveRejected(
                f"The pictures lie in several groups of class folders; the largest, below {_place(layout.prefix)}, has "
                f"{layout.n_pictures:,} of {len(pictures):,}. Expected one group: put the pictures of a class "
                "directly into its folder, call folders of splits train, val and test, or zip only the folder you mean."
            )
        return
    at = len(layout.prefix)
    tops = sorted({parts[at] for parts, _ in found.files if len(parts) > at + 1 and parts[:at] == layout.prefix})
    named = ", ".join(map(shown, tops[:8])) or "none"
    left_out = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in sorted(skipped.counts.items()))
    nested = " Archives inside the archive are not opened: unpack them first." if found.archives else ""
    raise ArchiveRejected(
        f"The archive has {n_classes} class folder{'s' * (n_classes != 1)}; {EXPECTED}, {fewest} to {MAX_CLASSES} "
        f"classes. Folders at the top: {named}." + (f" Files left out: {left_out}." if left_out else "") + nested,
        "too_few_classes" if n_classes < fewest else "archive_rejected",
    )


def _flat(layout: Layout) -> ArchiveRejected:
    named = " and ".join(shown(name) for name in sorted(layout.classes))
    return ArchiveRejected(
        f"The archive has no class folders: its pictures lie directly in {named}. Put the pictures of each class into "
        "a folder of their own, such as train/cat/1.png, or add a CSV file with the columns `filename` and `label`.",
        "too_few_classes",
    )


def _described(layout: Layout) -> str:
    if not layout.splits:
        return f"Class folders were found in {_place(layout.prefix)}."
    roles = ", ".join(f"{shown(name)} is the {split} split" for name, split in sorted(layout.splits.items()))
    return f"Class folders were found in the splits of {_place(layout.prefix)}: {roles}."


def _place(prefix: Parts) -> str:
    return shown("/".join(prefix)) if prefix else "the archive"


def _warnings_about_names(found: ArchiveFiles, encoding: str | None) -> tuple[str, ...]:
    if not found.n_guessed_names or encoding is not None:
        return ()
    return (
        f"{found.n_guessed_names:,} names are in an old code page that the archive does not name; they were read as "
        f"code page 437. If labels look wrong, {ENCODING_HINT}.",
    )


def _warnings_about(layout: Layout, n_pictures: int) -> tuple[str, ...]:
    warnings = [f"{shown(name)} shares no class with the training split and is not used." for name in layout.unseen]
    n_outside = n_pictures - layout.n_pictures
    if n_outside > WARNED_SHARE * n_pictures:
        warnings.append(f"{n_outside:,} of {n_pictures:,} pictures are not in a class folder and are not used.")
    if layout.splits and "test" not in layout.splits.values():
        warnings.append("The archive has no test split; the test pictures were drawn from the training pictures.")
    return tuple(warnings)
