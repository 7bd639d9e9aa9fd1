"""Publishes a version: the last step of every job that makes one, and what every such job says about its machine."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import keras

from model_store import Draft, StoreFull, StoreUnavailable, VersionFacts, open_store
from worker.jobs.errors import TrainingFailed, store_full
from worker.jobs.records import History, JobFailure, Progress, PublishedModel
from worker.supervision.messages import Order
from worker.training.hardware import backend_version, device, policy_of, processor


class Link(Protocol):
    """Receives the pipeline's reports, and decides whether it may publish."""

    def progress(self, progress: Progress, history: History | None = None) -> None:
        """Report the job's progress."""

    def is_pause_asked(self) -> bool:
        """Whether the training must save its state and end."""

    def is_finish_asked(self) -> bool:
        """Whether the training must end now, to be published."""

    def may_publish(self, version: int) -> bool:
        """Whether this version may be committed."""

    def published(self, model: PublishedModel) -> None:
        """Report that the version is committed."""


def runtime() -> dict[str, str]:
    """Versions of the libraries, and the machine, that produce a version."""
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        keras.backend.backend(): backend_version(),
        "backend": keras.backend.backend(),
        "convserve": version("convserve"),
        "device": device(),
        "processor": processor(),
        "auto_precision": policy_of("auto"),
    }


def publish(order: Order, artifacts: Path, facts: VersionFacts, link: Link) -> None:
    """Upload all files, ask for permission, commit, and report the version.

    Args:
        order: the job.
        artifacts: directory of the files.
        facts: what the manifest says.
        link: to the worker.

    Raises:
        TrainingFailed: the store refuses.
    """
    try:
        with open_store(order.store_url, order.min_free_bytes).draft(order.plan.model) as draft:
            _upload(draft, artifacts)
            # The last check before the version becomes visible: a job that was cancelled or lost its claim ends here.
            if not link.may_publish(draft.number):
                return
            manifest = draft.commit(facts)
    except StoreUnavailable as error:
        raise TrainingFailed(store_failure(error)) from error
    link.published(PublishedModel.of(manifest))


def store_failure(error: StoreUnavailable) -> JobFailure:
    """The failure of a job whose files the store does not take."""
    if isinstance(error, StoreFull):
        return store_full("The model store does not have enough free space for the model.")
    return JobFailure(
        code="store_unavailable",
        message="The model could not be written to the model store.",
        hint="See GET /readyz and the worker's log for details, then submit the job again.",
    )


def _upload(draft: Draft, artifacts: Path) -> None:
    for path in sorted(artifacts.iterdir()):
        draft.add(path.name, path)
