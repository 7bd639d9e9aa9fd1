"""What can go wrong with an upload that can be resumed.

ServiceError
├── UploadNotFound       there is no such upload, or it has expired
├── UploadBusy           another request is sending bytes of it
├── OffsetConflict       the bytes do not begin where the last ones ended
└── TusUnsupported       another version of the protocol
"""

from service.errors import ServiceError

TUS_VERSION = "1.0.0"


class UploadNotFound(ServiceError):
    """There is no such upload for this caller."""

    def __init__(self, upload: str) -> None:
        super().__init__(f"There is no upload {upload[:64]!r}; it is complete, was deleted, or has expired.")


class UploadBusy(ServiceError):
    """Two requests would write to one file."""

    def __init__(self, upload: str) -> None:
        super().__init__(f"Another request is sending bytes of upload {upload!r}; ask for its offset and try again.")


class OffsetConflict(ServiceError):
    """The bytes do not continue those that are there."""

    def __init__(self, expected: int, got: int | None) -> None:
        what = "no Upload-Offset" if got is None else f"{got:,}"
        super().__init__(f"The upload continues at byte {expected:,}; expected that as `Upload-Offset`, got {what}.")


class TusUnsupported(ServiceError):
    """The client speaks another version of tus.

    Attributes:
        headers: the version that the server speaks.
    """

    def __init__(self, got: str) -> None:
        super().__init__(f"This server speaks tus {TUS_VERSION}; got Tus-Resumable {got[:20]!r}.")
        self.headers = {"Tus-Version": TUS_VERSION}
