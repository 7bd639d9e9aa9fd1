"""Models, datasets, checkpoints and keys on disk or in object storage: published atomically, verified when read.

Not here: HTTP, training, and the meaning of the stored files.
"""

from model_store.aliases import AliasChange, Split, WeightedVersion
from model_store.checkpoints import CheckpointStore, Position
from model_store.dataset_errors import DatasetDamaged, DatasetMissing, DatasetTaken, UploadWithdrawn
from model_store.dataset_records import (
    ConversionFailure,
    ConversionStatus,
    DatasetFacts,
    DatasetManifest,
)
from model_store.datasets import DatasetStore
from model_store.drafts import Draft
from model_store.errors import (
    AliasNotFound,
    ArtifactCorrupt,
    DraftRefused,
    FileNotInVersion,
    InvalidName,
    KeyNameTaken,
    KeyNotFound,
    ModelNotFound,
    StoreError,
    StoreFull,
    StoreUnavailable,
    VersionInUse,
    VersionNotFound,
)
from model_store.keys import KeyRecord, KeyStore
from model_store.manifest import DoctorVerdict, FileEntry, Manifest, VersionFacts
from model_store.opening import open_store
from model_store.recorded import read_recorded
from model_store.store import ModelStore

__all__ = [
    "AliasChange",
    "AliasNotFound",
    "ArtifactCorrupt",
    "CheckpointStore",
    "ConversionFailure",
    "ConversionStatus",
    "DatasetDamaged",
    "DatasetFacts",
    "DatasetManifest",
    "DatasetMissing",
    "DatasetStore",
    "DatasetTaken",
    "DoctorVerdict",
    "Draft",
    "DraftRefused",
    "FileEntry",
    "FileNotInVersion",
    "InvalidName",
    "KeyNameTaken",
    "KeyNotFound",
    "KeyRecord",
    "KeyStore",
    "Manifest",
    "ModelNotFound",
    "ModelStore",
    "Position",
    "Split",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "UploadWithdrawn",
    "VersionFacts",
    "VersionInUse",
    "VersionNotFound",
    "WeightedVersion",
    "open_store",
    "read_recorded",
]
