"""Which models a list shows, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.models.index import Index, ModelEntry, accuracy_rank
from service.models.version_record import VersionRecord

Sort = Literal["name", "-name", "owner", "-owner", "created", "-created", "metric", "-metric"]


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

    def _matches(self, entry: ModelEntry) -> bool:
        wanted = {"owner": self.owner, "dataset": self.dataset, "architecture": self.architecture}
        given = {name: value for name, value in wanted.items() if value is not None}
        if not given and self.tag is None:
            return True
        return any(
            given.items() <= _facts(version).items() and (self.tag is None or self.tag in version.tags)
            for version in entry.versions.values()
        )


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
