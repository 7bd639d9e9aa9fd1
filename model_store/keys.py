"""Keys of callers in the store: never a key itself, only its SHA-256 and what it may do.

    keys/<name>/<k>.json    the k-th change of the key of this name; the highest is in force

Each change is one small object, written by put-if-absent and never replaced, like the changes of an alias. Of two
processes that create a key under one name at the same moment exactly one succeeds, and a reader keeps what it has read.
This module does not know what the scopes mean, nor who asks.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_store.errors import KeyNameTaken, KeyNotFound
from model_store.names import MODEL_PATTERN, NUMBER_PATTERN, check_key, is_name
from model_store.objects import Objects

logger = logging.getLogger(__name__)

ROOT = "keys/"


class KeyRecord(BaseModel, defer_build=True):
    """A key as it is stored."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    name: str = Field(description="Owner of what is made with the key.")
    scope: str = Field(description="What the key may do.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the key, in lowercase hex.", repr=False)
    created_at: AwareDatetime
    created_by: str = Field(description="Name of the key that made this one; `local` on the command line.")
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    limits: dict[str, float] = Field(default={}, description="Limits of this key that differ from its scope's.")

    def is_in_force(self, now: datetime) -> bool:
        """Whether the key opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class KeyStore:
    """The store's keys. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._read: dict[str, KeyRecord | None] = {}

    def all(self) -> list[KeyRecord]:
        """The newest record of every name, by name. One listing; a record is read only once.

        A record that does not parse is left out: its key opens nothing.
        """
        latest = {name: max(sequences) for name, sequences in self._sequences(ROOT).items()}
        paths = [_path(name, sequence) for name, sequence in sorted(latest.items())]
        self._read = {path: self._record(path) for path in paths}
        return [record for record in self._read.values() if record is not None]

    def create(self, record: KeyRecord) -> None:
        """Add a key.

        Raises:
            InvalidName: the name does not match the pattern.
            KeyNameTaken: another key of this name is in force.
        """
        check_key(record.name)
        current, sequence = self._current(record.name)
        if current is not None and current.is_in_force(datetime.now(UTC)):
            raise KeyNameTaken(record.name)
        if not self._objects.create(_path(record.name, sequence + 1), record.model_dump_json().encode()):
            raise KeyNameTaken(record.name)

    def revoke(self, name: str) -> KeyRecord:
        """End a key, and return its record. Revoking it again changes nothing.

        Raises:
            InvalidName: the name does not match the pattern.
            KeyNotFound: there never was a key of this name.
        """
        check_key(name)
        while True:
            current, sequence = self._current(name)
            if current is None:
                raise KeyNotFound(name)
            if current.revoked_at is not None:
                return current
            revoked = current.model_copy(update={"revoked_at": datetime.now(UTC)})
            if self._objects.create(_path(name, sequence + 1), revoked.model_dump_json().encode()):
                return revoked

    def _current(self, name: str) -> tuple[KeyRecord | None, int]:
        """The newest record of a name that can be read, and the number of its newest change."""
        sequences = sorted(self._sequences(f"{ROOT}{name}/").get(name, []), reverse=True)
        records = (self._record(_path(name, sequence)) for sequence in sequences)
        return next((record for record in records if record is not None), None), max(sequences, default=0)

    def _sequences(self, prefix: str) -> Mapping[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for stored in self._objects.list(prefix):
            match stored.path.split("/"):
                case ["keys", name, entry] if is_name(name, MODEL_PATTERN):
                    sequence, _, suffix = entry.partition(".")
                    if suffix == "json" and is_name(sequence, NUMBER_PATTERN):
                        found[name].append(int(sequence))
        return found

    def _record(self, path: str) -> KeyRecord | None:
        if path in self._read:
            return self._read[path]
        try:
            return KeyRecord.model_validate_json(self._objects.read(path))
        except FileNotFoundError:
            return None
        except ValueError:
            logger.warning("the key record %s does not parse, so its key opens nothing; create the key again", path)
            return None


def _path(name: str, sequence: int) -> str:
    return f"{ROOT}{name}/{sequence:d}.json"
