"""Looks at a big store in a bucket, a few models at a time, so that its requests are spread evenly over a round.

A survey of 100,000 versions in 100 models takes 200 requests or more. Sent at once they are a burst; a round sends them
one a second. The list of models itself is read more often, so that a new model is noticed sooner than a new version.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from model_store.contents import Contents
from model_store.survey import SeenModel

NAMES_EVERY_S = 25.0
"""Seconds between two lists of the models, which take a request for every thousand."""
REQUESTS_AT_ONCE = 3
"""Of one look; the model that reaches this number is looked at whole."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a round is: models that there were, and when; and models that the round has not looked at yet."""

    names: frozenset[str]
    listed_at: float
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Glance:
    """One look.

    Attributes:
        models: what was seen of some models.
        names: of all models, if they were listed.
        requests: that a storage service was sent for it.
        progress: of the round after it.
    """

    models: Mapping[str, SeenModel]
    names: frozenset[str] | None
    requests: int
    progress: Progress


class Rounds:
    """One round after the other.

    Args:
        contents: of the store.
        names: of the models that are known.
        now: when they were listed.
    """

    def __init__(self, contents: Contents, names: frozenset[str], now: float) -> None:
        self._contents = contents
        self._progress = Progress(names, now, tuple(sorted(names)))

    def look(self, now: float) -> Glance:
        """Look at the next models. A look that was not taken in, because it failed, is repeated by the next one."""
        before, names, requests = self._progress, None, 0
        listed, listed_at, waiting = before.names, before.listed_at, before.waiting
        if now - listed_at >= NAMES_EVERY_S:
            found, requests = self._contents.model_names()
            names = frozenset(found)
            waiting = (*sorted(names - listed), *(name for name in waiting if name in names))
            listed, listed_at = names, now
        models: dict[str, SeenModel] = {}
        waiting = waiting or tuple(sorted(listed))
        while requests < REQUESTS_AT_ONCE and len(models) < len(waiting):
            name = waiting[len(models)]
            models[name], needed = self._contents.model_directories(name)
            requests += needed
        return Glance(models, names, requests, Progress(listed, listed_at, waiting[len(models) :]))

    def take(self, glance: Glance) -> None:
        """Go on after this look."""
        self._progress = glance.progress
