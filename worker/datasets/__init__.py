"""Datasets: their facts, their official files, and their pictures as arrays.

Not here: HTTP routes, and Keras, since the HTTP side imports this package too.
"""

from worker.datasets.built_in import DATASETS, DatasetInfo, dataset_info
from worker.datasets.dataset import Dataset
from worker.datasets.download import DownloadProgress
from worker.datasets.errors import DatasetCorrupt, DatasetError, DatasetNotFound, DatasetNotReady, DatasetUnavailable
from worker.datasets.loading import is_available, load_dataset
from worker.datasets.uploaded import FindDataset, find_dataset, load_uploaded, reference_to

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetCorrupt",
    "DatasetError",
    "DatasetInfo",
    "DatasetNotFound",
    "DatasetNotReady",
    "DatasetUnavailable",
    "DownloadProgress",
    "FindDataset",
    "dataset_info",
    "find_dataset",
    "is_available",
    "load_dataset",
    "load_uploaded",
    "reference_to",
]
