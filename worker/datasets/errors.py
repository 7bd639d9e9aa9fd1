"""What can go wrong with a dataset.

    DatasetError
    ├── DatasetNotFound      no dataset has this name
    ├── DatasetNotReady      the conversion of an uploaded dataset is still running or has failed
    ├── DatasetUnavailable   the files are missing and cannot be fetched; the hint says what to do
    └── DatasetCorrupt       a file is not the expected one

Independent of HTTP and of jobs.
"""

from collections.abc import Iterable


class DatasetError(Exception):
    """Base class of this package's errors."""


class DatasetNotFound(DatasetError):
    """No dataset has this name."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        expected = ", ".join(sorted(known)) or "a dataset's name"
        super().__init__(f"no such dataset; expected one of {expected}, got {name[:64]!r}")
        self.name = name


class DatasetNotReady(DatasetError):
    """An uploaded dataset cannot be used: its conversion is still running or has failed."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"dataset {name} cannot be used: {reason}")
        self.name = name
        self.reason = reason


class DatasetUnavailable(DatasetError):
    """The files are not on this machine, and cannot be fetched or written.

    Attributes:
        name: name of the dataset.
        reason: what went wrong.
        hint: what a person can do about it.
    """

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(f"dataset {name} is not available: {reason}")
        self.name = name
        self.reason = reason
        self.hint = hint


class DatasetCorrupt(DatasetError):
    """A file is not the one its publishers released.

    Attributes:
        name: name of the dataset.
        file: the damaged file, or several.
        reason: what is wrong, what was expected, what was found.
        hint: what a person can do about it.
    """

    def __init__(self, name: str, file: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"dataset {name} is damaged in {file}: {reason}")
        self.name = name
        self.file = file
        self.reason = reason
        # The default is for built-in datasets. Deleting is safe: missing files are fetched again.
        self.hint = hint or (
            f"Delete {self.file} from the datasets directory; the next use fetches it again. "
            "If it belongs to the sample that is part of the program, install the program again."
        )
