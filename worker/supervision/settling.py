"""Finds out whether an attempt that was lost while publishing had published after all.

Trainer or worker may die between the trainer's commit and the worker's final write. The record then holds the number of
the draft, and the next claim settles that draft before anything else, so that no job ever has two versions.
"""

from dataclasses import dataclass

from model_store import ModelStore
from worker.artifacts import HISTORY_FILE
from worker.jobs.records import Claim, History, PublishedModel


@dataclass(frozen=True)
class Publication:
    """What an earlier attempt published."""

    model: PublishedModel
    history: History


def settle(store: ModelStore, claim: Claim) -> Publication | None:
    """The version an earlier attempt of this job published; None when there is none, and from now on there cannot be.

    Raises:
        StoreError: the store does not answer, or what it holds is damaged.
    """
    if claim.draft is None:
        return None
    manifest = store.settle(claim.plan.model, claim.draft)
    if manifest is None or manifest.job != claim.job:
        return None
    model = PublishedModel.of(manifest)
    if HISTORY_FILE not in manifest.files:  # of an import, which has no epochs
        return Publication(model, History())
    history = store.read(manifest.model, manifest.version, HISTORY_FILE)
    return Publication(model, History.model_validate_json(history))
