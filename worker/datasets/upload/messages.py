"""Messages between the API process and its converter: one JSON object per line.

The order arrives on the converter's standard input, which stays open as long as the API process lives; the other
messages leave on its standard output.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from model_store import DatasetFacts
from model_store.dataset_records import Phase
from worker.datasets.upload.options import UploadLimits, UploadOptions
from worker.datasets.upload.report import DatasetReport


class _Message(BaseModel, defer_build=True):
    model_config = ConfigDict(frozen=True)


class Base(_Message):
    """The version of a dataset that grows."""

    folder: str = Field(description="Directory with copies of its arrays.")
    version: int
    classes: tuple[str, ...]


class ConversionOrder(_Message):
    """To the converter: what to convert."""

    archive: str = Field(description="Path of the zip file.")
    folder: str = Field(description="Empty directory for the result.")
    options: UploadOptions
    limits: UploadLimits
    base: Base | None = Field(default=None, description="What the pictures are added to; null for a new dataset.")
    niceness: int = Field(default=10, description="Training and predicting have priority.")


class Accepted(_Message):
    """The archive keeps the rules and has class folders."""

    kind: Literal["accepted"] = "accepted"
    files: int


class Advanced(_Message):
    """Progress of the conversion."""

    kind: Literal["advanced"] = "advanced"
    phase: Phase
    done: int
    total: int
    report: DatasetReport | None = Field(default=None, description="What was noticed so far, when it has changed.")


class Refused(_Message):
    """The archive cannot become a dataset."""

    kind: Literal["refused"] = "refused"
    code: str
    message: str
    hint: str | None = None
    report: DatasetReport | None = Field(default=None, description="What was noticed; null before anything was.")


class Converted(_Message):
    """The conversion is done; the files are in the folder."""

    kind: Literal["converted"] = "converted"
    facts: DatasetFacts


ConverterMessage = Annotated[Accepted | Advanced | Refused | Converted, Field(discriminator="kind")]
CONVERTER_MESSAGES: TypeAdapter[ConverterMessage] = TypeAdapter(ConverterMessage)
