"""The best version of every owner on the test split of one dataset."""

from datetime import datetime

from pydantic import BaseModel, Field

from service.models.index import Index
from service.models.version_record import VersionRecord


class LeaderboardRow(BaseModel, defer_build=True):
    """An owner's best version."""

    rank: int = Field(description="From 1; equal accuracies have the same rank.")
    owner: str = Field(examples=["ada"])
    model: str
    version: int
    test_accuracy: float = Field(examples=[0.8174])
    test_loss: float | None
    parameters: int
    published_at: datetime
    versions: int = Field(description="Versions of the owner that were compared.")


class Leaderboard(BaseModel, defer_build=True):
    """Owners by the accuracy of their best version, the best first."""

    dataset: str
    fingerprint: str | None = Field(
        description="Of the data that the versions were tested on; null while there is no version."
    )
    rows: list[LeaderboardRow]


def leaderboard(index: Index, dataset: str, fingerprint: str | None) -> Leaderboard:
    """Rank the owners. Versions that were tested on `test_samples` of the pictures only are left out.

    Args:
        index: of all models.
        dataset: name of the dataset.
        fingerprint: of its present data; None if it is not known: that of the newest version counts.
    """
    tested = [
        found
        for entry in index.models.values()
        for found in entry.candidates
        if found.dataset == dataset and found.is_tested_whole
    ]
    if fingerprint is None and tested:
        fingerprint = max(tested, key=lambda version: version.published_at).dataset_fingerprint
    by_owner: dict[str, list[VersionRecord]] = {}
    for version in tested:
        if version.dataset_fingerprint == fingerprint and "test_accuracy" in version.metric_names:
            by_owner.setdefault(version.owner, []).append(version)
    best = sorted((max(own, key=_merit) for own in by_owner.values()), key=_merit, reverse=True)
    accuracies = [_accuracy(version) for version in best]
    rows = [
        _row(1 + accuracies.index(accuracy), version, len(by_owner[version.owner]))
        for accuracy, version in zip(accuracies, best, strict=True)
    ]
    return Leaderboard(dataset=dataset, fingerprint=fingerprint, rows=rows)


def _accuracy(version: VersionRecord) -> float:
    return version.metrics["test_accuracy"]


def _merit(version: VersionRecord) -> tuple[float, float]:
    """More accurate is better; of equals, the one that was published first."""
    return _accuracy(version), -version.published_at.timestamp()


def _row(rank: int, version: VersionRecord, n_versions: int) -> LeaderboardRow:
    return LeaderboardRow(
        rank=rank,
        owner=version.owner,
        model=version.model,
        version=version.version,
        test_accuracy=_accuracy(version),
        test_loss=version.metric("test_loss"),
        parameters=version.parameters,
        published_at=version.published_at,
        versions=n_versions,
    )
