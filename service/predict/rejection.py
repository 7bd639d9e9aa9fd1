"""Why a picture has no answer, as a value.

Errors are raised where something is wrong. Of several pictures in one request the others go on, so the reason is kept
until the answer is written: as this value and not as the exception, whose traceback would keep every frame that it went
through in memory, and with them the bodies of the request.
"""

from typing import NamedTuple

from service.web.verdicts import verdict_of
from worker.pictures.pixels import PictureRejected


class Rejection(NamedTuple):
    """What is wrong with one picture.

    Attributes:
        kind: the class of the error.
        reason: fit to be shown to the client.
    """

    kind: type[PictureRejected]
    reason: str

    @classmethod
    def of(cls, error: PictureRejected) -> "Rejection":
        """The reason that an error gives."""
        return cls(type(error), error.reason)

    @property
    def code(self) -> str:
        """The error code, for programs."""
        return verdict_of(self.error()).code

    def error(self) -> PictureRejected:
        """The error, to be raised."""
        return self.kind(self.reason)
