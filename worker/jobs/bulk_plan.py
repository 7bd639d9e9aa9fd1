"""Plans the job that classifies many pictures with one version."""

from model_store import Manifest
from worker.artifacts import ONNX_FILE
from worker.jobs.plan import TrainingPlan
from worker.jobs.request import RequestInvalid
from worker.jobs.without_training import NO_TRAINING
from worker.predictions.options import BulkPlan, Split

ARCHITECTURE = "predictions"
"""What such a job has for a preset's name."""


def plan_predictions(
    manifest: Manifest,
    job: str,
    top_k: int,
    size_bytes: int = 0,
    *,
    is_list: bool = False,
    dataset: tuple[str, int | None, Split] | None = None,
) -> TrainingPlan:
    """The plan of a job.

    Args:
        manifest: the version that answers.
        job: its id, under which the store keeps the pictures.
        top_k: classes that each row names; all of them when there are fewer.
        size_bytes: of what was sent.
        is_list: the archive was made of a list.
        dataset: name, version and split, if the pictures are those of a dataset.

    Raises:
        RequestInvalid: the version has no network for this.
    """
    if ONNX_FILE not in manifest.files:
        message = f"version {manifest.version} of {manifest.model!r} cannot classify; expected one with {ONNX_FILE}"
        raise RequestInvalid(("version",), message)
    name, version, split = dataset or ("", None, None)
    chosen = BulkPlan(
        upload=job,
        version=manifest.full_name,
        source="split" if split else "list" if is_list else "archive",
        split=split,
        size_bytes=size_bytes,
        top_k=min(top_k, len(manifest.classes)),
    )
    return TrainingPlan.model_validate(
        {
            **NO_TRAINING,
            "architecture": ARCHITECTURE,
            "dataset": name,
            "dataset_version": version,
            "model": manifest.model,
            "predictions": chosen,
        }
    )
