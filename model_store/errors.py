"""What can go wrong with the store.

StoreError
├── InvalidName            a name that must not become part of a path
├── ModelNotFound          the model has no committed version
├── VersionNotFound        this number was never committed, or was deleted
├── AliasNotFound          the model has no such alias
├── FileNotInVersion       the manifest does not list this file
├── ArtifactCorrupt        stored bytes differ from the published ones
├── VersionInUse           an alias points at the version to be deleted, or a job reads it
├── KeyNotFound            there never was a key of this name
├── KeyNameTaken           another key of this name is in force
├── DraftRefused           a draft used twice, too late, or without files
└── StoreUnavailable       the storage cannot be read or written
    └── StoreFull          the disk is full, or would have too little free space left

Errors carry facts (model, version, file), never HTTP statuses; their causes are chained.
"""

import errno
from collections.abc import Sequence
from datetime import datetime

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Values of `OSError.errno` that mean a full disk."""


class StoreError(Exception):
    """Base class of this package's errors."""


class InvalidName(StoreError):
    """A name from outside does not match the pattern for its kind."""

    def __init__(self, name: str, kind: str = "name", expected: str = "") -> None:
        expected = f": expected {expected}" if expected else ""
        super().__init__(f"invalid {kind}{expected}, got {_shortened(name)}")
        self.name = name
        self.kind = kind


class ModelNotFound(StoreError):
    """No version of this model was ever committed, or all were deleted."""

    def __init__(self, model: str) -> None:
        super().__init__(f"there is no model {model!r}")
        self.model = model


class VersionNotFound(StoreError):
    """The model has no committed version of this number."""

    def __init__(self, model: str, version: int) -> None:
        super().__init__(f"model {model!r} has no version {version}")
        self.model = model
        self.version = version


class AliasNotFound(StoreError):
    """The model has no such alias, or had none at a time."""

    def __init__(self, model: str, alias: str, at: datetime | None = None) -> None:
        when = "has" if at is None else f"at {at.isoformat()} had"
        super().__init__(f"model {model!r} {when} no alias {alias!r}")
        self.model = model
        self.alias = alias


class FileNotInVersion(StoreError):
    """The version's manifest does not list this file."""

    def __init__(self, model: str, version: int, file: str) -> None:
        super().__init__(f"version {version} of model {model!r} has no file {_shortened(file)}")
        self.model = model
        self.version = version
        self.file = file


class ArtifactCorrupt(StoreError):
    """The stored bytes are not the published ones: missing, truncated or changed."""

    def __init__(self, model: str, version: int, file: str, reason: str = "") -> None:
        because = f": {reason}" if reason else ""
        super().__init__(f"{file} of version {version} of model {model!r} is corrupt{because}")
        self.model = model
        self.version = version
        self.file = file
        self.reason = reason


class VersionInUse(StoreError):
    """The version cannot be deleted while aliases point at it, or jobs read it."""

    def __init__(self, model: str, version: int, aliases: Sequence[str], jobs: Sequence[str] = ()) -> None:
        expected = "no queued or running job that reads it" if jobs else "no alias on it"
        users = [*aliases, *(f"job {job}" for job in jobs)]
        listed = ", ".join(users[:10]) + (f" and {len(users) - 10} more" if len(users) > 10 else "")
        super().__init__(f"version {version} of model {model!r} cannot be deleted: expected {expected}, got {listed}")
        self.model = model
        self.version = version
        self.aliases = tuple(aliases)


class KeyNotFound(StoreError):
    """There never was a key of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no key {name!r}")
        self.name = name


class KeyNameTaken(StoreError):
    """Another key of this name is in force."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a key {name!r} exists already; revoke it first, or choose another name")
        self.name = name


class DraftRefused(StoreError):
    """A draft was used in a way that cannot produce a complete version."""

    def __init__(self, model: str, version: int, reason: str) -> None:
        super().__init__(f"the draft of version {version} of model {model!r} cannot continue: {reason}")
        self.model = model
        self.version = version
        self.reason = reason


class StoreUnavailable(StoreError):
    """The storage refuses or does not answer, for example because of the network or of permissions."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the model store {url} cannot be used: {reason}")
        self.url = url
        self.reason = reason


class StoreFull(StoreUnavailable):
    """Nothing can be added until something is removed; reading still works."""


def _shortened(name: str) -> str:
    """The name as Python writes it, shortened so that a hostile one cannot flood a log."""
    return repr(name if len(name) <= 80 else name[:80] + "…")
