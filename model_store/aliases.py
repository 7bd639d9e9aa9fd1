"""Names that point at versions, each kept as the list of its changes.

A change is one small numbered object, written by put-if-absent; the change with the highest number is in force. Two
concurrent writers therefore both appear in the history, in one order, on every kind of storage, and nothing is ever
overwritten. This module does not check whether a version exists; the store does.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_store import layout
from model_store.changes import Changes
from model_store.objects import Objects

logger = logging.getLogger(__name__)


Weight = Annotated[
    float,
    Field(gt=0, le=1, strict=True, allow_inf_nan=False, description="Share of the requests, from above 0 to 1."),
]


class WeightedVersion(BaseModel, frozen=True):
    """A version that takes part in a share of an alias's requests."""

    version: int
    weight: Weight


class Split(NamedTuple):
    """What happens to the requests of an alias besides being answered by the version that it points at.

    Attributes:
        canary: answers a share of the requests in place of that version.
        shadow: is asked the same in a share of the requests; its answers are compared and not sent.
    """

    canary: WeightedVersion | None = None
    shadow: WeightedVersion | None = None

    def roles(self) -> Iterator[tuple[str, int]]:
        """Each version that takes part, with what it is: `canary` or `shadow`."""
        for role, part in zip(self._fields, self, strict=True):
            if part is not None:
                yield role, part.version


NO_SPLIT = Split()


def _is_missing(value: object) -> bool:
    """A change has no fields for a canary or a shadow that there is not."""
    return value is None


class AliasChange(BaseModel, defer_build=True):
    """One entry of an alias's history."""

    model_config = ConfigDict(frozen=True)

    version: int | None = Field(description="Version the alias points at from then on; null when it was deleted.")
    at: AwareDatetime = Field(description="UTC, to the microsecond.")
    canary: WeightedVersion | None = Field(
        default=None,
        exclude_if=_is_missing,
        description="Only if there was one: the version that answered a share of the requests in its place.",
    )
    shadow: WeightedVersion | None = Field(
        default=None,
        exclude_if=_is_missing,
        description="Only if there was one: the version that was asked the same to compare its answers.",
    )

    @property
    def split(self) -> Split:
        """The versions that take part from then on besides the one that the alias points at."""
        return Split(self.canary, self.shadow)


def append_change(
    objects: Objects, model: str, alias: str, version: int | None, known: Sequence[int], split: Split = NO_SPLIT
) -> AliasChange:
    """Write the next change of an alias, after the `known` ones and any that another process writes meanwhile."""
    change = AliasChange(version=version, at=datetime.now(UTC), canary=split.canary, shadow=split.shadow)
    data = change.model_dump_json().encode()
    sequence = max(known, default=0) + 1
    while not objects.create(layout.alias_change_path(model, alias, sequence), data):
        sequence += 1
    Changes(objects).note(model, alias=alias)
    return change


def read_history(objects: Objects, model: str, alias: str, known: Sequence[int]) -> list[AliasChange]:
    """All changes of an alias that can be read, oldest first."""
    changes = (read_change(objects, model, alias, sequence) for sequence in sorted(known))
    return [change for change in changes if change is not None]


def read_change(objects: Objects, model: str, alias: str, sequence: int) -> AliasChange | None:
    """One change of an alias; None when it cannot be read."""
    try:
        return AliasChange.model_validate_json(objects.read(layout.alias_change_path(model, alias, sequence)))
    except FileNotFoundError:
        return None  # the model was deleted between the listing and this read
    except ValueError:
        # Falling back to an earlier change would silently serve a version other than the one chosen last.
        logger.warning("change %s of alias %s of model %s does not parse; set the alias again", sequence, alias, model)
        return None
