"""Which formats a version can be exported to on request, and how such a request is written in a plan."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ExportFormat = Literal["litert", "saved_model", "openvino"]


class ExportOrder(BaseModel, defer_build=True):
    """A version and the format to export it to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(description="As `name/version`.")
    format: ExportFormat
