"""The errors of feedback.

ServiceError
├── FeedbackFull             an owner has sent as much as may be kept
├── FeedbackNotFound         no picture with this id was sent
└── NothingToCollect         no feedback waits to be collected
"""

from service.errors import ServiceError


class FeedbackFull(ServiceError):
    """An owner has sent as much as may be kept.

    Attributes:
        quota: fields of the problem besides the usual ones.
    """

    def __init__(self, what: str, limit: float, used: float) -> None:
        super().__init__(
            f"One owner may keep {limit:,.0f} {what} of feedback, of which {used:,.0f} are used; "
            "collect some and delete it."
        )
        self.quota = {"limit": limit, "used": used, "retry_after_s": None}


class FeedbackNotFound(ServiceError):
    """No picture with this id was sent as feedback on the model, or it was deleted."""

    def __init__(self, model: str, feedback_id: str) -> None:
        super().__init__(f"There is no feedback {feedback_id!r} on model {model!r}.")


class NothingToCollect(ServiceError):
    """No feedback waits to be collected."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"There is no feedback on model {model!r} to collect; {reason}.")
