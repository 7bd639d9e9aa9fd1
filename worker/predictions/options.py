"""What a job that classifies many pictures is told: a part of its plan, and an order beside the pictures."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.datasets.upload.options import UploadLimits
from worker.patterns import REFERENCE_PATTERN

Split = Literal["train", "test", "validation"]


class BulkPlan(BaseModel, defer_build=True):
    """Which pictures are classified, by which version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upload: str = Field(description="Id of the job, under which the store keeps pictures and answers.")
    version: str = Field(pattern=REFERENCE_PATTERN, description="Version that answers, as `name/version`.")
    source: Literal["archive", "list", "split"] = Field(description="Where the pictures come from.")
    split: Split | None = Field(default=None, description="Split of the job's dataset, if they come from there.")
    size_bytes: int = Field(default=0, description="Of what was sent.")
    top_k: int = Field(ge=1, description="Classes that each row names.")


class Fault(BaseModel, defer_build=True):
    """Why a picture has no answer."""

    code: str
    message: str


class BulkOrder(BaseModel, defer_build=True):
    """What is kept beside the pictures."""

    limits: UploadLimits = Field(description="How much an archive may contain, as for datasets.")
    max_pictures: int
    names: dict[str, str] = Field(default={}, description="Names to show, by path in the archive.")
    rejected: dict[str, Fault] = Field(default={}, description="Pictures that could not be had, by path.")


class ReaderOrder(BaseModel, defer_build=True):
    """To the reader's process: what to classify."""

    archive: str | None = Field(default=None, description="Path of an archive.")
    images: str | None = Field(default=None, description="Path of a split's array, instead of an archive.")
    prefix: str = Field(default="", description="Of the names of pictures in an array.")
    folder: str = Field(description="Directory for temporary files.")
    network: str = Field(description="Path of the version's ONNX file.")
    input_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    top_k: int
    start: int = Field(default=0, description="Pictures that were classified already.")
    one_by_one: bool = Field(default=False, description="No batches, so that the end of the process tells its picture.")
    crashed: frozenset[int] = Field(default=frozenset(), description="Positions of pictures that ended the process.")
    order: BulkOrder
    threads: int = 1
    niceness: int = 10
