"""What a conversion has noticed so far. A conversion that fails keeps this as its report."""

from collections import Counter
from dataclasses import dataclass, field

from worker.datasets.upload.folders import Content, Member
from worker.datasets.upload.report import MOST_LISTED, NO_DUPLICATES, DatasetReport, SkippedLog


@dataclass
class Findings:
    """Notes about one archive, from its directory to its last picture.

    Attributes:
        content: classes and files of the archive.
        n_files: number of files in the archive.
        skipped: files that are not used.
    """

    content: Content
    n_files: int
    skipped: SkippedLog
    _left: Counter[int] = field(init=False)
    _usable: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._left = Counter(member.label for member in self.content.members)

    def count(self, member: Member, *, is_usable: bool) -> None:
        """Note that a file was processed."""
        self._left[member.label] -= 1
        self._usable[member.label] += is_usable

    def classes_without_pictures(self) -> tuple[str, ...]:
        """Class folders that were processed completely and had no usable picture, in ascending order."""
        classes = enumerate(self.content.classes)
        unusable = {label for index, label in classes if not self._left[index] and not self._usable[index]}
        return tuple(sorted({*unusable, *self.content.empty})[:MOST_LISTED])

    def report(self) -> DatasetReport:
        """The report so far: of an archive that is no dataset yet, or will not become one."""
        return DatasetReport(
            files=self.n_files,
            split="as uploaded" if self.content.has_split("test") else "drawn",
            layout=self.content.layout,
            warnings=self.content.warnings,
            skipped=dict(self.skipped.counts),
            skipped_files=tuple(self.skipped.listed),
            duplicates=NO_DUPLICATES,
            small_classes=(),
            missing_in_train=(),
            missing_in_test=(),
            dropped_classes=self.classes_without_pictures(),
        )
