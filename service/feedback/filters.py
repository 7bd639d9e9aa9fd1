"""Which feedback a request means: filters of its query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query

from model_store.feedback import Collection, Feedback
from service.feedback.answers import collection_of

State = Literal["pending", "collected"]


@dataclass(frozen=True)
class FeedbackFilter:
    """What some feedback has in common; None: anything.

    Attributes:
        owner: who sent it.
        state: whether it waits to be collected.
        right: whether the version had answered the right label.
    """

    owner: str | None = None
    state: State | None = None
    right: bool | None = None

    @property
    def query(self) -> str:
        """These filters in the query of an address, before its other parameters."""
        said = {
            "owner": self.owner,
            "state": self.state,
            "right": None if self.right is None else str(self.right).lower(),
        }
        given = urlencode({name: value for name, value in said.items() if value is not None})
        return given and f"{given}&"

    def of(
        self, entries: Iterable[Feedback], collections: Sequence[Collection], version: int | None = None
    ) -> list[Feedback]:
        """The entries that match, in their order; on one version if it is given."""

        def matches(entry: Feedback) -> bool:
            return (
                version in (None, entry.version)
                and self.owner in (None, entry.owner)
                and self.right in (None, entry.is_right)
                and (self.state is None or self.state == state_of(entry, collections))
            )

        return list(filter(matches, entries))


def state_of(entry: Feedback, collections: Iterable[Collection]) -> State:
    """Whether some feedback waits to be collected."""
    return "pending" if collection_of(entry, collections) is None else "collected"


async def _filter(
    owner: Annotated[str | None, Query(max_length=63, description="Only feedback that this owner sent.")] = None,
    state: Annotated[State | None, Query(description="Only feedback that waits, or that is part of a dataset.")] = None,
    right: Annotated[bool | None, Query(description="Only where the version had, or had not, the right label.")] = None,
) -> FeedbackFilter:
    return FeedbackFilter(owner, state, right)


FeedbackFilterDep = Annotated[FeedbackFilter, Depends(_filter)]
