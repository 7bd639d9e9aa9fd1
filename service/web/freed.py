"""The answer to every deletion that frees disk space."""

from pydantic import BaseModel, Field


class Freed(BaseModel):
    """What a deletion gained."""

    freed_bytes: int = Field(examples=[1_204_511])
