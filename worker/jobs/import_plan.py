"""Plans the job that imports a model: a file and what was said about it become a job like any other."""

from pathlib import PurePath

from model_store.names import MODEL_PATTERN, is_name
from worker.datasets import DatasetInfo, DatasetNotFound, FindDataset
from worker.imports.options import ImportedModel, ImportOptions, ModelFormat
from worker.jobs.plan import TrainingPlan
from worker.jobs.request import RequestInvalid
from worker.jobs.without_training import NO_TRAINING

ARCHITECTURE = "imported"
"""What a job that imports a model has for a preset's name."""
ANY_NAME = "imported"
LONGEST_NAME = 63


def plan_import(
    options: ImportOptions,
    job: str,
    model_format: ModelFormat,
    sha256: str,
    size_bytes: int,
    filename: str | None,
    find_dataset: FindDataset,
) -> TrainingPlan:
    """Fill in every default, and refuse what cannot work.

    Args:
        options: as they were sent.
        job: under which the store keeps the file.
        model_format: of the file.
        sha256: of the file.
        size_bytes: of the file.
        filename: as the client gave it.
        find_dataset: looks up a dataset.

    Raises:
        DatasetNotReady: the dataset is still being converted, or could not be.
        RequestInvalid: there is no such dataset, or it has other classes.
    """
    info = None if options.dataset is None else _dataset(options.dataset, find_dataset)
    said = options.model_dump(include={"preprocessing", "outputs", "image_size", "layout"})
    file = {"upload": job, "format": model_format, "sha256": sha256, "size_bytes": size_bytes}
    imported = ImportedModel(**file, **said, classes=_classes(options, info), evaluated=info is not None)
    return TrainingPlan.model_validate(
        {
            **NO_TRAINING,
            "architecture": ARCHITECTURE,
            "dataset": options.dataset or "",
            "model": options.name or _name_of(filename),
            "imported": imported,
        }
    )


def _dataset(name: str, find_dataset: FindDataset) -> DatasetInfo:
    try:
        return find_dataset(name)
    except DatasetNotFound as error:
        raise RequestInvalid(("dataset",), str(error)) from error


def _classes(options: ImportOptions, info: DatasetInfo | None) -> tuple[str, ...] | None:
    if info is None or options.classes is None:
        return options.classes if info is None else info.classes
    if options.classes != info.classes:
        message = f"the dataset {options.dataset!r} has other classes; expected the same names in the same order"
        raise RequestInvalid(("classes",), message)
    return options.classes


def _name_of(filename: str | None) -> str:
    """A model's name from that of its file, as far as it can be one."""
    stem = PurePath((filename or "").replace("\\", "/")).stem.lower()
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem).strip("-")
    return name[:LONGEST_NAME] if is_name(name[:LONGEST_NAME], MODEL_PATTERN) else ANY_NAME
