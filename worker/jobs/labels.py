"""What is said about a job besides its training: who owns it, tags, a note, its priority among the owner's own jobs.

None of it changes what is trained, so it is part of the record and not of the plan.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from model_store import manifest
from worker.patterns import MOST_TAGS, TAG_PATTERN, WEB_ADDRESS_PATTERN

LOCAL_OWNER = manifest.LOCAL_OWNER
"""Owner of what is made without a key."""
LONGEST_NOTE = 500
LONGEST_ADDRESS = 1000

Tag = Annotated[str, StringConstraints(pattern=TAG_PATTERN)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)]


class Labels(BaseModel, defer_build=True):
    """What a client may say about a job beside its training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: Tags = Field(default=(), description="Words to find the job by, see `GET /jobs?tag=`.", examples=[["week-3"]])
    note: str | None = Field(default=None, max_length=LONGEST_NOTE, description="A remark for people.")
    notify: Annotated[str, StringConstraints(pattern=WEB_ADDRESS_PATTERN, max_length=LONGEST_ADDRESS)] | None = Field(
        default=None,
        description="Address that gets a POST with the job in short when it has ended. It must be public, unless the "
        "server allows others (`CONVSERVE_NOTIFY_PRIVATE`).",
        examples=["https://example.org/hook"],
    )
    priority: int = Field(
        default=0,
        ge=-10,
        le=10,
        description="Jobs with a higher priority run before the other jobs of the same owner. "
        "It does not change the turns of other owners.",
    )


NO_LABELS = Labels()
