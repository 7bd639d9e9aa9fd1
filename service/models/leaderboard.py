"""The best version of every owner on the test split of one dataset."""

from datetime import datetime

from pydantic import BaseModel, Field

from model_store import Manifest
from service.models.index import Index, is_tested_whole


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
        if found.dataset == dataset and is_tested_whole(found)
    ]
    if fingerprint is None and tested:
        fingerprint = max(tested, key=lambda manifest: manifest.published_at).dataset_fingerprint
    by_owner: dict[str, list[Manifest]] = {}
    for manifest in tested:
        if manifest.dataset_fingerprint == fingerprint and "test_accuracy" in manifest.metrics:
            by_owner.setdefault(manifest.owner, []).append(manifest)
    best = sorted((max(own, key=_merit) for own in by_owner.values()), key=_merit, reverse=True)
    accuracies = [manifest.metrics["test_accuracy"] for manifest in best]
    rows = [
        _row(1 + accuracies.index(accuracy), manifest, len(by_owner[manifest.owner]))
        for accuracy, manifest in zip(accuracies, best, strict=True)
    ]
    return Leaderboard(dataset=dataset, fingerprint=fingerprint, rows=rows)


def _merit(manifest: Manifest) -> tuple[float, float]:
    """More accurate is better; of equals, the one that was published first."""
    return manifest.metrics["test_accuracy"], -manifest.published_at.timestamp()


def _row(rank: int, manifest: Manifest, n_versions: int) -> LeaderboardRow:
    return LeaderboardRow(
        rank=rank,
        owner=manifest.owner,
        model=manifest.model,
        version=manifest.version,
        test_accuracy=manifest.metrics["test_accuracy"],
        test_loss=manifest.metrics.get("test_loss"),
        parameters=manifest.parameters,
        published_at=manifest.published_at,
        versions=n_versions,
    )
