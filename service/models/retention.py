"""Which versions may go: those that no rule keeps.

Versions with an alias, also as its canary or shadow, the latest and the best one always stay, and those that jobs read.
"""

import asyncio
import logging
from collections.abc import Callable, Container
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from model_store import ModelNotFound, ModelStore, VersionInUse, VersionNotFound
from service.models.catalog import Catalog
from service.models.index import Index, ModelEntry, accuracy_rank
from service.models.version_record import VersionRecord

logger = logging.getLogger(__name__)


class RetentionRules(BaseModel):
    """What is kept. A version goes only if none of the rules that are given keeps it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_best: int | None = Field(
        default=None,
        ge=1,
        examples=[3],
        description="Of each model, so many versions with the highest test accuracy stay.",
    )
    older_than_days: float | None = Field(
        default=None, gt=0, examples=[90], description="Versions younger than that stay."
    )
    model: str | None = Field(default=None, max_length=63, description="Only versions of this model; default: of all.")

    @property
    def is_empty(self) -> bool:
        """No rule was given, so everything stays."""
        return self.keep_best is None and self.older_than_days is None


class RemovedVersion(BaseModel, defer_build=True):
    """A version that no rule keeps."""

    model: str
    version: int
    bytes: int
    test_accuracy: float | None
    published_at: datetime


class RetentionAnswer(BaseModel, defer_build=True):
    """What was deleted, or would be."""

    dry_run: bool = Field(description="Nothing was deleted.")
    versions: list[RemovedVersion]
    bytes: int = Field(description="Of all these versions together.")


def removable(index: Index, rules: RetentionRules, now: datetime) -> list[VersionRecord]:
    """The versions that no rule keeps, by model and number."""
    if rules.is_empty:
        return []
    models = [entry for name, entry in sorted(index.models.items()) if rules.model in {None, name}]
    return [version for entry in models for version in _of_model(entry, rules, now)]


async def apply_rules(
    rules: RetentionRules,
    catalog: Catalog,
    store: ModelStore,
    forget: Callable[[str, int], None],
    read: Container[str],
    *,
    dry_run: bool,
) -> RetentionAnswer:
    """Delete the versions that no rule keeps, or only say which ones and how many bytes they have.

    Args:
        rules: what is kept.
        catalog: of the models as they are.
        store: from which versions are deleted.
        forget: called for every deleted version, so that it leaves the memory.
        read: versions, as `name/version`, that queued and running jobs read; they stay.
        dry_run: delete nothing.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    found = removable(await catalog.refresh(), rules, datetime.now(UTC))
    gone = []
    for version in found:
        if f"{version.model}/{version.version}" in read:
            continue
        if not dry_run:
            try:
                await asyncio.to_thread(store.delete_version, version.model, version.version)
            except (ModelNotFound, VersionNotFound, VersionInUse):
                continue  # it was deleted, or got an alias, at this moment
            forget(version.model, version.version)
            logger.info("deleted %s version %d: no retention rule keeps it", version.model, version.version)
        gone.append(_removed(version))
    if gone and not dry_run:
        await catalog.refresh()
    return RetentionAnswer(dry_run=dry_run, versions=gone, bytes=sum(version.bytes for version in gone))


def _of_model(entry: ModelEntry, rules: RetentionRules, now: datetime) -> list[VersionRecord]:
    kept = set(entry.aliases.values()) | {number for split in entry.splits.values() for _, number in split.roles()}
    kept |= {found.version for found in (entry.latest, entry.best) if found is not None}
    if rules.keep_best is not None:
        ranked = sorted(entry.versions.values(), key=accuracy_rank, reverse=True)
        kept |= {version.version for version in ranked[: rules.keep_best]}
    if rules.older_than_days is not None:
        kept |= {
            number
            for number, version in entry.versions.items()
            if (now - version.published_at) / timedelta(days=1) < rules.older_than_days
        }
    return [version for number, version in sorted(entry.versions.items()) if number not in kept]


def _removed(version: VersionRecord) -> RemovedVersion:
    return RemovedVersion(
        model=version.model,
        version=version.version,
        bytes=version.size_bytes,
        test_accuracy=version.metric("test_accuracy"),
        published_at=version.published_at,
    )
