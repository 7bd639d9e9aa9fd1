"""Settings that bound what clients leave on the server beside datasets and models."""

from pydantic import Field

from worker.settings import LedgerSettings


class KeptSettings(LedgerSettings):
    """How much of each kind one owner may keep."""

    max_feedback_pictures: int = Field(
        default=10_000,
        ge=0,
        description="Most pictures of feedback that one owner may keep, on all models together; beyond it, feedback is "
        "answered 403 until some is deleted. 0 turns feedback off.",
    )
    max_feedback_bytes: int = Field(
        default=1_000_000_000, ge=0, description="Most bytes of these pictures that one owner may keep."
    )
    max_bulk_pictures: int = Field(
        default=200_000, ge=1, description="Most pictures that one job may classify (`POST …/predictions`)."
    )
    bulk_kept_days: float = Field(
        default=30, gt=0, description="Days after which the answers of such a job are deleted, if nobody did it before."
    )
