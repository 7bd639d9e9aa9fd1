"""Everything that can be wrong with a dataset.

    DatasetError
    ├── DatasetNotFound      no dataset has this name
    ├── DatasetNotReady      an uploaded one whose conversion is not done, or failed
    ├── DatasetUnavailable   its files are not here and cannot be had; the hint says what a person can do
    └── DatasetCorrupt       a file is there, or came, and is not what it should be

Knows nothing of HTTP and nothing of jobs.
"""

from collections.abc import Iterable


class DatasetError(Exception):
    """Root of this package's errors."""


class DatasetNotFound(DatasetError):
    """No dataset has this name."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        expected = ", ".join(sorted(known)) or "a dataset's name"
        super().__init__(f"no such dataset; expected one of {expected}, came {name[:64]!r}")
        self.name = name


class DatasetNotReady(DatasetError):
    """An uploaded dataset that cannot be used yet, or never will."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"dataset {name} cannot be used: {reason}")
        self.name = name
        self.reason = reason


class DatasetUnavailable(DatasetError):
    """The files are not on this machine, and cannot be fetched or written.

    Attributes:
        name: the dataset.
        reason: what went wrong.
        hint: what a person can do about it.
    """

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(f"dataset {name} is not available: {reason}")
        self.name = name
        self.reason = reason
        self.hint = hint


class DatasetCorrupt(DatasetError):
    """A file is not what its publishers released.

    Attributes:
        name: the dataset.
        file: the file at fault, or several.
        reason: what is wrong, what was expected, what came.
        hint: what a person can do about it.
    """

    def __init__(self, name: str, file: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"dataset {name} is damaged in {file}: {reason}")
        self.name = name
        self.file = file
        self.reason = reason
        # Of a built-in dataset. Deleting is safe: what is missing is fetched again.
        self.hint = hint or (
            f"Delete {self.file} from the datasets directory, and the next use fetches it again; "
            "if it belongs to the sample that comes with the program, install the program again."
        )
