"""What was changed in the models of a store, so that readers need not list all of it to find out.

    changes/snapshot-2                           what a reader knew some time ago; optional
    changes/snapshot                             the same, as earlier versions of this program write it
    changes/marker                               random bytes, replaced after every change
    changes/log/<stamp>.<token>.<model>.<what>   one empty object per change; `what` names a version, an alias or all

A reader asks for the marker's tag, which costs one conditional request, and lists the log only when the tag has
changed. A change is made first and noted after it: a reader that sees the note sees the change. Earlier versions of
this program note nothing, and a process may die in between, so a reader also has to look at the whole store now and
then.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from model_store.errors import StoreUnavailable
from model_store.names import ALIAS_PATTERN, MODEL_PATTERN, NUMBER_PATTERN, is_name
from model_store.objects import Objects

logger = logging.getLogger(__name__)

ROOT = "changes/"
MARKER = f"{ROOT}marker"
LOG = f"{ROOT}log/"
SNAPSHOT = f"{ROOT}snapshot-2"
EARLIER_SNAPSHOT = f"{ROOT}snapshot"
STAMP = "%Y%m%dT%H%M%S%f"
"""A moment in UTC, to the microsecond. Stamps sort like the moments."""
LOG_KEPT_S = 3600.0
"""How long an entry of the log stays at least. A reader that has not looked for half of this reads the whole store."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the log.

    Attributes:
        entry: its name; no two entries have the same.
        model: that was changed.
        version: that was published or deleted; None for another change.
        alias: that was moved or removed; None for another change. Without either, the whole model may have changed.
    """

    entry: str
    model: str
    version: int | None
    alias: str | None


class Changes:
    """The marker and the log of one store. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def note(self, model: str, *, version: int | None = None, alias: str | None = None) -> None:
        """Tell readers that something was changed. Never fails: a reader also finds a change that nobody noted."""
        what = f"v{version:d}" if version is not None else f"a-{alias}" if alias is not None else "all"
        stamp, token = datetime.now(UTC).strftime(STAMP), uuid4().hex
        try:
            self._objects.put(f"{LOG}{stamp}.{token}.{model}.{what}", b"")
            self._objects.put(MARKER, token.encode())
        except StoreUnavailable as error:
            logger.warning("other processes notice the change of model %s only later: %s", model, error)

    def tag(self, known: str | None = None) -> str:
        """What identifies the marker's present bytes; empty while nothing was ever noted. One conditional request.

        Args:
            known: the tag as it was read last; a storage service does not send the bytes again if it is unchanged.
        """
        return self._objects.tag(MARKER, known)

    def log(self) -> list[Change]:
        """The entries of the log, oldest first. One listing. Names that are not ours are ignored."""
        names = sorted(stored.path.removeprefix(LOG) for stored in self._objects.list(LOG))
        return [change for name in names if (change := _parsed(name))]

    def forget(self, changes: list[Change]) -> int:
        """Remove entries older than `LOG_KEPT_S`, and return how many were removed.

        Args:
            changes: entries that readers no longer need, because what they tell is recorded elsewhere.
        """
        oldest_kept = (datetime.now(UTC) - timedelta(seconds=LOG_KEPT_S)).strftime(STAMP)
        old = [change.entry for change in changes if change.entry < oldest_kept]
        self._objects.delete(LOG + entry for entry in old)
        return len(old)


def _parsed(name: str) -> Change | None:
    match name.split("."):
        case [_, _, model, what] if is_name(model, MODEL_PATTERN):
            kind, rest = what[:1], what[1:]
            if kind == "v" and is_name(rest, NUMBER_PATTERN):
                return Change(name, model, int(rest), None)
            if what.startswith("a-") and is_name(what[2:], ALIAS_PATTERN):
                return Change(name, model, None, what[2:])
            return Change(name, model, None, None)
    return None
