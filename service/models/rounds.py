"""Looks at a big store in a bucket, a few models at a time, so that its requests are spread evenly over a round.

A survey of 100,000 versions in 100 models takes 200 requests or more. Sent at once they are a burst; a round sends them
one a second. What is most likely to change is looked at more often than once a round: the list of models, so that a new
model is noticed soon, and the next version of the models that were published last, which takes one read each, however
many versions a model has.

Every process has an order of its own, so that one of several finds a change sooner than one alone; it notes the change
for the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4
from zlib import crc32

from model_store.contents import Contents
from model_store.survey import SeenModel
from service.models.known_model import KnownModel
from service.models.unnoted import next_versions

NAMES_EVERY_S = 25.0
"""Seconds between two lists of the models, which take a request for every thousand."""
REQUESTS_AT_ONCE = 3
"""Of one look; the model that reaches this number is looked at whole."""
LIKELY_MODELS, LIKELY_SHARE = 8, 0.2
"""Models whose next version is asked for after each list of the models: so many, and at most this share of all."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a round is.

    Attributes:
        names: of the models that there were.
        listed_at: when they were listed.
        waiting: models that the round has not looked at yet.
        likely: versions that may be published next and were not asked for since then.
    """

    names: frozenset[str]
    listed_at: float
    waiting: tuple[str, ...]
    likely: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Glance:
    """One look.

    Attributes:
        models: what was seen of some models.
        names: of all models, if they were listed.
        asked: a version that may have been published; it has yet to be read.
        requests: that a storage service is sent for it.
        progress: of the round after it.
    """

    models: Mapping[str, SeenModel]
    names: frozenset[str] | None
    asked: tuple[tuple[str, int], ...]
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
        self._salt = uuid4().bytes
        self._progress = Progress(names, now, self._ordered(names))

    def look(self, now: float, known: Mapping[str, KnownModel]) -> Glance:
        """Look at the next models. A look that was not taken in, because it failed, is repeated by the next one.

        Args:
            now: by the clock of the reader.
            known: all models as they were read last.
        """
        before, names, requests = self._progress, None, 0
        listed, listed_at, waiting, likely = before.names, before.listed_at, before.waiting, before.likely
        if now - listed_at >= NAMES_EVERY_S:
            found, requests = self._contents.model_names()
            names = frozenset(found)
            waiting = (*self._ordered(names - listed), *(name for name in waiting if name in names))
            listed, listed_at = names, now
            chosen = next_versions(known, min(LIKELY_MODELS, int(LIKELY_SHARE * len(names))))
            likely = tuple(sorted(chosen, key=lambda version: version not in likely))  # those that had no turn first
        asked, likely = likely[:1], likely[1:]
        requests += len(asked)
        models: dict[str, SeenModel] = {}
        waiting = waiting or self._ordered(listed)
        while requests < REQUESTS_AT_ONCE and len(models) < len(waiting):
            name = waiting[len(models)]
            n_versions = len(known[name].versions) if name in known else 0
            models[name], needed = self._contents.look_at_model(name, n_versions)
            requests += needed
        return Glance(models, names, asked, requests, Progress(listed, listed_at, waiting[len(models) :], likely))

    def take(self, glance: Glance) -> None:
        """Go on after this look."""
        self._progress = glance.progress

    def _ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """In an order that is this process's own, and the same in each round."""
        return tuple(sorted(names, key=lambda name: crc32(self._salt + name.encode())))
