"""Gathers what a report shows: a version's manifest, its findings, its numbers and its pictures. Blocks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_store import Manifest, ModelStore
from service.errors import NotRecorded
from service.models.diagnoses import diagnosis_of_version, evaluation_of
from service.models.network_diagrams import diagram_of
from service.models.version_files import VersionFiles
from worker.artifacts import (
    CALIBRATION_PICTURE,
    CONFUSION_MATRIX_PICTURE,
    CURVES_PICTURE,
    FILM_PICTURE,
    HISTORY_FILE,
    MISTAKES_PICTURE,
    PREDICTIONS_PICTURE,
    SUMMARY_FILE,
)
from worker.doctor.findings import Diagnosis

PICTURES = (
    CURVES_PICTURE,
    CONFUSION_MATRIX_PICTURE,
    CALIBRATION_PICTURE,
    MISTAKES_PICTURE,
    FILM_PICTURE,
    PREDICTIONS_PICTURE,
)


@dataclass(frozen=True)
class Contents:
    """Everything that a report shows; what a version does not have is missing.

    Attributes:
        manifest: of the version.
        diagnosis: of its run.
        history: content of `history.json`.
        evaluation: content of `evaluation.json`.
        summary: the layer table as text.
        diagram: the network as SVG.
        pictures: PNG files by name.
    """

    manifest: Manifest
    diagnosis: Diagnosis
    history: Mapping[str, Any] | None
    evaluation: Mapping[str, Any] | None
    summary: str | None
    diagram: str | None
    pictures: Mapping[str, bytes]


def contents_of(store: ModelStore, manifest: Manifest) -> Contents:
    """Read everything that a report shows.

    Raises:
        ArtifactCorrupt: a file of the version is damaged.
        StoreUnavailable: the store does not answer.
    """
    files = VersionFiles(store, manifest)
    summary = files.read(SUMMARY_FILE)
    return Contents(
        manifest=manifest,
        diagnosis=diagnosis_of_version(files),
        history=_object(files.read(HISTORY_FILE)),
        evaluation=evaluation_of(files),
        summary=None if summary is None else summary.decode("utf-8", "replace"),
        diagram=_diagram(manifest),
        pictures={file: data for file in PICTURES if (data := files.read(file)) is not None},
    )


def _object(data: bytes | None) -> Mapping[str, Any] | None:
    found = None if data is None else json.loads(data)
    return found if isinstance(found, dict) else None


def _diagram(manifest: Manifest) -> str | None:
    try:
        return diagram_of(manifest)
    except NotRecorded:
        return None
