"""Diagnoses of versions, and of jobs while they run."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from model_store import ModelStore, StoreError
from service.models.version_files import VersionFiles
from worker.artifacts import DOCTOR_FILE, EVALUATION_FILE, HISTORY_FILE
from worker.doctor.diagnosis import diagnose
from worker.doctor.findings import Diagnosis
from worker.doctor.sources import facts_of_job, facts_of_version, test_facts_of
from worker.jobs.records import History, JobRecord


def diagnosis_of_version(files: VersionFiles) -> Diagnosis:
    """What was found when the version was published; for an older one, what its files show now. Blocks.

    Raises:
        ArtifactCorrupt: a file of the version is damaged.
        StoreUnavailable: the store does not answer.
    """
    found = files.read(DOCTOR_FILE)
    if found is not None:
        return Diagnosis.model_validate_json(found)
    return diagnose(facts_of_version(files.manifest, _history(files), evaluation_of(files)))


def evaluation_of(files: VersionFiles) -> Mapping[str, Any] | None:
    """The evaluation of a version, as in `evaluation.json`; None if it has none that can be used. Blocks."""
    data = files.read(EVALUATION_FILE)
    if data is None:
        return None
    found = json.loads(data)
    try:
        test_facts_of(found)
    except (KeyError, TypeError, ValueError):
        return None  # of a version that another program made
    return dict(found)


def diagnosis_of_job(job: JobRecord, classes: tuple[str, ...], store: ModelStore) -> Diagnosis:
    """What is found about a job so far. Blocks.

    A job that has published gets the diagnosis of its version, as long as that exists.

    Args:
        job: as it is now.
        classes: of its dataset.
        store: where its version is.
    """
    if job.model is not None:
        try:
            return diagnosis_of_version(VersionFiles(store, store.manifest(job.model.name, job.model.version)))
        except (StoreError, ValidationError):
            pass  # deleted, damaged or out of reach: the record still has the epochs
    return diagnose(facts_of_job(job, classes))


def _history(files: VersionFiles) -> History | None:
    data = files.read(HISTORY_FILE)
    try:
        return None if data is None else History.model_validate_json(data)
    except ValidationError:
        return None  # of a version that another program made
