"""Looks up the dataset that a request names, in the version that it names."""

from worker.datasets import DatasetInfo, DatasetNotFound, FindDataset, reference_to
from worker.jobs.request import JobRequest, RequestInvalid


def chosen_dataset(request: JobRequest, find_dataset: FindDataset) -> DatasetInfo:
    """The dataset of a request; the newest version unless it names one.

    Raises:
        RequestInvalid: there is no such dataset or version.
        DatasetNotReady: the dataset is still being converted, or could not be.
    """
    try:
        return find_dataset(reference_to(request.dataset, request.dataset_version))
    except DatasetNotFound as error:
        field = "dataset" if request.dataset_version is None else "dataset_version"
        raise RequestInvalid((field,), str(error)) from error
