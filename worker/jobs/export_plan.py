"""Plans the small job that exports a published version to another format."""

from model_store import Manifest
from worker.artifacts import KERAS_FILE
from worker.datasets import DatasetInfo, DatasetNotFound, FindDataset
from worker.jobs.lineage import architecture_of, dataset_of
from worker.jobs.plan import TrainingPlan
from worker.jobs.request import RequestInvalid
from worker.jobs.without_training import NO_TRAINING
from worker.recipe.exports import ExportFormat, ExportOrder


def plan_export(manifest: Manifest, export_format: ExportFormat, find_dataset: FindDataset) -> TrainingPlan:
    """The plan of a job that exports a version and trains nothing.

    Args:
        manifest: the version.
        export_format: to export to.
        find_dataset: looks up its dataset, on whose test pictures the export is tested.

    Raises:
        DatasetNotReady: the dataset is being converted.
        RequestInvalid: the version has no Keras file, or its dataset is gone.
    """
    where = f"version {manifest.version} of {manifest.model!r}"
    if KERAS_FILE not in manifest.files or not manifest.architecture:
        message = f"{where} cannot be exported; expected a version with {KERAS_FILE}, got an imported ONNX file"
        raise RequestInvalid(("version",), message)
    info = _dataset(manifest, where, find_dataset)
    return TrainingPlan.model_validate(
        {
            **NO_TRAINING,
            "architecture": architecture_of(manifest),
            "dataset": manifest.dataset,
            "dataset_version": info.version,
            "model": manifest.model,
            "test_samples": manifest.recipe.get("test_samples"),
            "export": ExportOrder(version=manifest.full_name, format=export_format),
        }
    )


def _dataset(manifest: Manifest, where: str, find_dataset: FindDataset) -> DatasetInfo:
    if not manifest.dataset:
        message = (
            f"{where} cannot be exported; expected a version that was tested on a dataset, got one that was imported "
            "without: import it again and name one"
        )
        raise RequestInvalid(("version",), message)
    try:
        return find_dataset(dataset_of(manifest))
    except DatasetNotFound as error:
        message = f"{where} cannot be exported; expected its dataset {manifest.dataset!r}, which is gone"
        raise RequestInvalid(("version",), message) from error
