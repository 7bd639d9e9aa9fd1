"""The answer to every deletion that frees disk space."""

from pydantic import BaseModel, Field


class Freed(BaseModel):
    """How much disk space a deletion freed."""

    freed_bytes: int = Field(examples=[1_204_511])
