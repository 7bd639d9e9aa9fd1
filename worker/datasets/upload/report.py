"""What a person should know about a converted archive: skipped files, duplicate pictures, small classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_LISTED = 100
MOST_EXAMPLES = 20
MAX_SHOWN_NAME = 200
SMALL_CLASS = 20
"""Training pictures; a class with fewer is rarely learned well enough for its recall to mean much."""

Split = Literal["train", "validation", "test"]
Reason = Literal[
    "hidden",
    "folder_icon",
    "nested_archive",
    "outside_classes",
    "no_label",
    "too_deep",
    "not_a_picture",
    "damaged_picture",
    "too_large",
    "already_there",
]


class SkippedFile(BaseModel, defer_build=True):
    """One file of the archive that is not in the dataset."""

    model_config = ConfigDict(frozen=True)

    file: str
    reason: Reason
    message: str | None = Field(default=None, description="Details, where they are known.")


class Duplicates(BaseModel, defer_build=True):
    """Pictures that are equal pixel for pixel after conversion. All of them are kept."""

    model_config = ConfigDict(frozen=True)

    train: int = Field(description="Training pictures that repeat an earlier one.")
    test: int = Field(description="Test pictures that repeat an earlier one.")
    across_splits: int = Field(
        description="Test pictures that also occur in another split; they make the test too easy."
    )
    across_classes: int = Field(description="Pictures that also occur in another class; one of the labels is wrong.")
    examples: tuple[tuple[str, ...], ...] = Field(description="Some of them: groups of files with the same picture.")


NO_DUPLICATES = Duplicates(train=0, test=0, across_splits=0, across_classes=0, examples=())


class DatasetReport(BaseModel, defer_build=True):
    """What the conversion noticed."""

    model_config = ConfigDict(frozen=True)

    files: int = Field(description="Files in the archive.")
    layout: str = Field(default="", description="How the archive was understood: class folders, splits, tables.")
    warnings: tuple[str, ...] = Field(default=(), description="What may not be as the uploader meant it.")
    split: Literal["as uploaded", "drawn"] = Field(description="Whether the archive had a test split.")
    validation: int = Field(default=0, description="Pictures in the archive's validation split.")
    skipped: dict[Reason, int] = Field(description="Number of skipped files, by reason.")
    skipped_files: tuple[SkippedFile, ...] = Field(description="The first skipped files; hidden ones are not listed.")
    duplicates: Duplicates
    small_classes: tuple[str, ...] = Field(description=f"Classes with fewer than {SMALL_CLASS} training pictures.")
    missing_in_train: tuple[str, ...] = Field(
        description="Classes without training pictures; the network cannot learn them."
    )
    missing_in_test: tuple[str, ...] = Field(description="Classes without test pictures; they are not tested.")
    dropped_classes: tuple[str, ...] = Field(description="Class folders without a single usable picture.")


class SkippedLog:
    """Counts skipped files, and remembers the first of them; hidden files are only counted."""

    def __init__(self) -> None:
        self.counts: Counter[Reason] = Counter()
        self.listed: list[SkippedFile] = []

    def add(self, file: str, reason: Reason, message: str | None = None) -> None:
        """Count one more file."""
        self.counts[reason] += 1
        if reason != "hidden" and len(self.listed) < MOST_LISTED:
            self.listed.append(SkippedFile(file=_shown(file), reason=reason, message=message))


def find_duplicates(
    digests: Sequence[bytes], labels: Sequence[int], split_of: Sequence[Split | None], names: Sequence[str]
) -> Duplicates:
    """Count pictures with equal digests. Sequences have one item per picture; those without a split do not count."""
    used = [row for row, split in enumerate(split_of) if split is not None]
    if len(used) < len(split_of):
        digests, labels = [digests[row] for row in used], [labels[row] for row in used]
        split_of, names = [split_of[row] for row in used], [names[row] for row in used]
    groups = {digest: rows for digest, rows in _rows_by_digest(digests).items() if len(rows) > 1}
    train = test = across_splits = across_classes = 0
    for rows in groups.values():
        found = Counter(split_of[row] for row in rows)
        train += max(0, found["train"] - 1)
        test += max(0, found["test"] - 1)
        across_splits += found["test"] if found["train"] or found["validation"] else 0
        across_classes += len(rows) if len({labels[row] for row in rows}) > 1 else 0
    return Duplicates(
        train=train,
        test=test,
        across_splits=across_splits,
        across_classes=across_classes,
        examples=tuple(
            tuple(_shown(names[row]) for row in rows[:4])
            for rows in sorted(groups.values(), key=lambda rows: _severity(rows, labels, split_of))[:MOST_EXAMPLES]
        ),
    )


def _rows_by_digest(digests: Sequence[bytes]) -> Mapping[bytes, list[int]]:
    """The rows of each digest."""
    found: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests):
        found.setdefault(digest, []).append(row)
    return found


def _severity(rows: Sequence[int], labels: Sequence[int], split_of: Sequence[Split | None]) -> int:
    """Sort key of examples: contradicting labels first, then leaks into the test split, then plain repetition."""
    if len({labels[row] for row in rows}) > 1:
        return 0
    return 1 if len({split_of[row] for row in rows}) > 1 else 2


def _shown(name: str) -> str:
    cut = name if len(name) <= MAX_SHOWN_NAME else name[: MAX_SHOWN_NAME - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in cut)
