"""Which models a list shows, in which order, and on which page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Literal
from urllib.parse import urlencode

from model_store import ModelNotFound
from service.models.index import Index, ModelEntry, accuracy_rank
from service.models.version_record import VersionRecord

Sort = Literal["name", "-name", "owner", "-owner", "created", "-created", "metric", "-metric"]


MOST_MODELS = 1000
"""Of a page, which is also what a list without `limit` shows."""
MOST_VERSIONS = 10_000
"""Of the models of a page, which take 5 MB of JSON; a model with more is a page of its own."""


@dataclass(frozen=True)
class ModelPage:
    """Models of one page, how many match in all, and the path of the next page, if there is one."""

    models: Sequence[ModelEntry]
    total: int
    next: str | None


@dataclass(frozen=True)
class ModelQuery:
    """Filters of models as a request gives them: a model is shown if one of its versions matches all of them.

    Attributes:
        owner: of the version.
        tag: of its job.
        dataset: that it was trained on.
        architecture: name of its preset; `custom` for one's own networks.
        sort: what models are ordered by, descending after a `-`.
    """

    owner: str | None = None
    tag: str | None = None
    dataset: str | None = None
    architecture: str | None = None
    sort: Sort = "name"

    def models(self, index: Index) -> list[ModelEntry]:
        """The models that are shown; of equal ones, by name."""
        found = sorted((entry for entry in index.models.values() if self._matches(entry)), key=lambda entry: entry.name)
        found.sort(key=_ORDERS[self.sort.lstrip("-")], reverse=self.sort.startswith("-"))
        return found

    def page(self, index: Index, after: str | None, limit: int) -> ModelPage:
        """The models that follow `after`, as many as `limit` and `MOST_VERSIONS` allow.

        Raises:
            ModelNotFound: no model `after` is in the list, and the order does not say where it was.
        """
        found = self.models(index)
        rest = found[self._start(found, after) :]
        sizes = accumulate(len(entry.versions) for entry in rest[:limit])
        n_shown = max(1, sum(size <= MOST_VERSIONS for size in sizes))
        shown = rest[:n_shown]
        following = self._path(limit, shown[-1].name) if len(rest) > n_shown else None
        return ModelPage(shown, len(found), following)

    def _start(self, found: Sequence[ModelEntry], after: str | None) -> int:
        """Place of the first model after this one, which may be gone when the list is in the order of names."""
        if after is None:
            return 0
        place = next((place for place, entry in enumerate(found) if entry.name == after), None)
        if place is not None:
            return place + 1
        if self.sort == "name":
            return sum(entry.name < after for entry in found)
        if self.sort == "-name":
            return sum(entry.name > after for entry in found)
        raise ModelNotFound(after)

    def _path(self, limit: int, after: str) -> str:
        given = {name: value for name, value in asdict(self).items() if value is not None and (name, value) != _USUAL}
        return f"/models?{urlencode(given | {'limit': limit, 'after': after})}"

    def _matches(self, entry: ModelEntry) -> bool:
        wanted = {"owner": self.owner, "dataset": self.dataset, "architecture": self.architecture}
        given = {name: value for name, value in wanted.items() if value is not None}
        if not given and self.tag is None:
            return True
        return any(
            given.items() <= _facts(version).items() and (self.tag is None or self.tag in version.tags)
            for version in entry.versions.values()
        )


_USUAL = ("sort", "name")


def _facts(version: VersionRecord) -> dict[str, str]:
    return {"owner": version.owner, "dataset": version.dataset, "architecture": version.architecture}


def _newest(entry: ModelEntry) -> float:
    return max((version.published_at.timestamp() for version in entry.versions.values()), default=0.0)


def _best(entry: ModelEntry) -> tuple[bool, float]:
    """Of the best version: what ranks it, without its number, which tells nothing between models."""
    ranks = (accuracy_rank(version) for version in entry.versions.values())
    return max((rank[:2] for rank in ranks), default=(False, -1.0))


_ORDERS: Mapping[str, Callable[[ModelEntry], Any]] = {
    "name": lambda entry: entry.name,
    "owner": lambda entry: entry.owner,
    "created": _newest,
    "metric": _best,
}
