"""Versions in other formats: which a version has, with their figures, and which a worker can make."""

from collections.abc import Sequence

from pydantic import BaseModel, Field, ValidationError

from model_store import ArtifactCorrupt, Manifest, ModelStore
from worker.jobs.exported import FILE_OF, Exported, record_of
from worker.jobs.request import RequestInvalid
from worker.jobs.workers import Worker
from worker.recipe.exports import ExportFormat

FORMAT_OF = {file: export_format for export_format, file in FILE_OF.items()}


class ExportRequest(BaseModel):
    """The format to export a version to."""

    model_config = {"extra": "forbid"}

    format: ExportFormat = Field(
        description="`litert`: one file for LiteRT (TensorFlow Lite). `saved_model`: TensorFlow's folder, as a zip. "
        "`openvino`: OpenVINO's `model.xml` and `model.bin`, as a zip.",
        examples=["litert"],
    )


class ExportList(BaseModel, defer_build=True):
    """The formats that a version was exported to, beside its `model.keras` and `model.onnx`."""

    exports: list[Exported]


def exports_of(store: ModelStore, manifest: Manifest) -> list[Exported]:
    """Every export of a version. Blocks.

    Raises:
        ArtifactCorrupt: a record is not what was written.
        StoreUnavailable: the storage does not answer.
    """
    found = (export_of(store, manifest, export_format) for export_format in FILE_OF)
    return [exported for exported in found if exported is not None]


def export_of(store: ModelStore, manifest: Manifest, export_format: ExportFormat) -> Exported | None:
    """What is known about a version in a format; None if it was not exported to it. Raises like `exports_of`."""
    name = record_of(export_format)
    data = store.later_files.find(manifest.model, manifest.version, name)
    if data is None:
        return None
    try:
        return Exported.model_validate_json(data)
    except ValidationError as error:
        raise ArtifactCorrupt(manifest.model, manifest.version, name, "it does not parse") from error


def exported_file(store: ModelStore, manifest: Manifest, file: str) -> Exported | None:
    """The export that a file of a version is; None for every other file. Raises like `exports_of`."""
    export_format = FORMAT_OF.get(file)
    return None if export_format is None else export_of(store, manifest, export_format)


def require_exporter(export_format: ExportFormat, workers: Sequence[Worker]) -> None:
    """Check that a worker can export to a format, as far as the workers say so.

    Raises:
        RequestInvalid: every worker that is alive lacks the libraries.
    """
    said = [worker.exports for worker in workers]
    if said and all(formats is not None and export_format not in formats for formats in said):
        message = (
            f"no worker can export to {export_format}; expected one with the package {export_format}: where a worker "
            f"runs, pip install 'convserve[{export_format}]' and start it again"
        )
        raise RequestInvalid(("body", "format"), message)
