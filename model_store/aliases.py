"""Names that point at versions, each kept as the list of its changes.

A change is one small numbered object, written by put-if-absent; the change with the highest number is in force. Two
concurrent writers therefore both appear in the history, in one order, on every kind of storage, and nothing is ever
overwritten. This module does not check whether a version exists; the store does.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_store import layout
from model_store.changes import Changes
from model_store.objects import Objects

logger = logging.getLogger(__name__)


class AliasChange(BaseModel, defer_build=True):
    """One entry of an alias's history."""

    model_config = ConfigDict(frozen=True)

    version: int | None = Field(description="Version the alias points at from then on; null when it was deleted.")
    at: AwareDatetime = Field(description="UTC, to the microsecond.")


def append_change(objects: Objects, model: str, alias: str, version: int | None, known: Sequence[int]) -> AliasChange:
    """Write the next change of an alias, after the `known` ones and any that another process writes meanwhile."""
    change = AliasChange(version=version, at=datetime.now(UTC))
    data = change.model_dump_json().encode()
    sequence = max(known, default=0) + 1
    while not objects.create(layout.alias_change_path(model, alias, sequence), data):
        sequence += 1
    Changes(objects).note(model, alias=alias)
    return change


def version_after(objects: Objects, model: str, alias: str, sequence: int) -> int | None:
    """The version the alias points at after a change; None when that deleted the alias or cannot be read."""
    change = _read_change(objects, model, alias, sequence)
    return change.version if change else None


def read_history(objects: Objects, model: str, alias: str, known: Sequence[int]) -> list[AliasChange]:
    """All changes of an alias that can be read, oldest first."""
    changes = (_read_change(objects, model, alias, sequence) for sequence in sorted(known))
    return [change for change in changes if change is not None]


def _read_change(objects: Objects, model: str, alias: str, sequence: int) -> AliasChange | None:
    try:
        return AliasChange.model_validate_json(objects.read(layout.alias_change_path(model, alias, sequence)))
    except FileNotFoundError:
        return None  # the model was deleted between the listing and this read
    except ValueError:
        # Falling back to an earlier change would silently serve a version other than the one chosen last.
        logger.warning("change %s of alias %s of model %s does not parse; set the alias again", sequence, alias, model)
        return None
