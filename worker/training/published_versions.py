"""Reads what a job needs of a published version."""

from collections.abc import Iterable
from pathlib import Path

from model_store import Manifest, ModelStore, StoreError
from worker.jobs.errors import TrainingFailed
from worker.jobs.lineage import numbered_version
from worker.jobs.records import JobFailure


def fetch_version(reference: str, files: Iterable[str], store: ModelStore, directory: Path, what: str) -> Manifest:
    """Copy files of a version into a directory, under their own names, and return its manifest.

    Args:
        reference: `name/version`.
        files: names.
        store: has the version.
        directory: receives the files.
        what: the version is to the job, for the message.

    Raises:
        TrainingFailed: the version was deleted or is damaged (`initial_model_unavailable`).
    """
    model, number = numbered_version(reference)
    try:
        manifest = store.manifest(model, number)
        for file in files:
            (directory / file).write_bytes(store.read(model, number, file))
    except StoreError as error:
        raise unavailable(error, what) from error
    return manifest


def unavailable(error: StoreError, what: str = "The initial model") -> TrainingFailed:
    """The failure of a job whose initial model, or another version that it needs, was deleted or is damaged."""
    return TrainingFailed(
        JobFailure(
            code="initial_model_unavailable",
            message=f"{what} cannot be read: {error}.",
            hint="GET /models lists the models and their versions.",
        )
    )
