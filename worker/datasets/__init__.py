"""Datasets: what is known about them, their official files, and their pictures as arrays.

Shared with the HTTP side: numpy, httpx and pydantic, no Keras.
"""

from worker.datasets.catalog import DATASETS, DatasetInfo, dataset_info
from worker.datasets.dataset import Dataset
from worker.datasets.download import DownloadProgress
from worker.datasets.errors import DatasetCorrupt, DatasetError, DatasetNotFound, DatasetUnavailable
from worker.datasets.loading import is_available, load_dataset

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetCorrupt",
    "DatasetError",
    "DatasetInfo",
    "DatasetNotFound",
    "DatasetUnavailable",
    "DownloadProgress",
    "dataset_info",
    "is_available",
    "load_dataset",
]
