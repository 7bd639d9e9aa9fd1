"""The answer to every deletion that frees disk space."""

from pydantic import BaseModel, Field


class Freed(BaseModel, defer_build=True):
    """How much disk space a deletion freed."""

    freed_bytes: int = Field(examples=[1_204_511])
