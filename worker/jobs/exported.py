"""What is known about a version in another format: which file it is, and how it answers beside the Keras file."""

from datetime import datetime
from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field

from model_store import FileEntry
from worker.artifacts import LITERT_FILE, OPENVINO_FILE, SAVED_MODEL_FILE
from worker.recipe.exports import ExportFormat

FILE_OF: dict[ExportFormat, str] = {
    "litert": LITERT_FILE,
    "saved_model": SAVED_MODEL_FILE,
    "openvino": OPENVINO_FILE,
}
"""The file of a version in each format; folders are zips."""


class Exported(BaseModel, defer_build=True):
    """A version in another format, with its figures on the test pictures."""

    model_config = ConfigDict(frozen=True)

    format: ExportFormat
    file: str = Field(description="Download it as `GET …/files/{file}`.", examples=[LITERT_FILE])
    size_bytes: int
    sha256: str
    accuracy: float = Field(description="On the test pictures, as the format's own runtime answers.")
    keras_accuracy: float = Field(description="On the same pictures, as Keras answers with `model.keras`.")
    agreement: float = Field(description="Share of the test pictures for which both name the same class.")
    largest_difference: float = Field(description="Between two probabilities of the same class.")
    pictures: int = Field(description="Test pictures that were compared.")
    runtime: str = Field(description="What opened the file for these figures.", examples=["TensorFlow Lite 2.21.0"])
    exporter: str = Field(description="What wrote the file.", examples=["Keras 3.15.1"])
    created_at: datetime
    job: str = Field(description="The job that made it.", examples=["k3v9x2m7qd"])

    @property
    def entry(self) -> FileEntry:
        """Size and SHA-256, as a manifest lists them."""
        return FileEntry(size_bytes=self.size_bytes, sha256=self.sha256)


def exportable() -> tuple[ExportFormat, ...]:
    """The formats whose libraries are installed here, next to those that a worker always has."""
    formats: tuple[ExportFormat, ...] = ("litert", "saved_model")
    return (*formats, "openvino") if find_spec("openvino") else formats


def record_of(export_format: ExportFormat) -> str:
    """Name of the later file that has the figures of a format."""
    return f"export-{export_format}.json"
