"""Plans the small job that records the layers of a version that was published without such a record."""

from pydantic import ValidationError

from model_store import Manifest
from worker.artifacts import KERAS_FILE, ONNX_FILE
from worker.datasets import DatasetNotFound, FindDataset
from worker.jobs.lineage import architecture_of, dataset_of
from worker.jobs.plan import TrainingPlan
from worker.jobs.request import RequestInvalid


def plan_record(manifest: Manifest, find_dataset: FindDataset) -> TrainingPlan:
    """The plan of a job that records a version's layers and trains nothing.

    Args:
        manifest: the version.
        find_dataset: looks up its dataset, whose test pictures are needed.

    Raises:
        DatasetNotReady: the dataset is being converted.
        RequestInvalid: the version lacks a file, its dataset is gone, or it was not trained by this program.
    """
    where = f"version {manifest.version} of {manifest.model!r}"
    for file in (KERAS_FILE, ONNX_FILE):
        if file not in manifest.files:
            raise RequestInvalid(("version",), f"{where} cannot be recorded; expected a version with {file}, got none")
    try:
        find_dataset(dataset_of(manifest))
    except DatasetNotFound as error:
        message = f"{where} cannot be recorded; expected its dataset {manifest.dataset!r}, which is gone"
        raise RequestInvalid(("version",), message) from error
    changes = {
        "architecture": architecture_of(manifest),
        "overrides": None,
        "initial_model": None,
        "devices": 1,
        "model": manifest.model,
        "record": manifest.full_name,
    }
    try:
        return TrainingPlan.model_validate(manifest.recipe | changes)
    except ValidationError as error:
        message = f"{where} cannot be recorded; expected a version that was trained by this program"
        raise RequestInvalid(("version",), message) from error
