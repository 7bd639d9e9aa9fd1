"""What can go wrong on the HTTP side, and the one table that gives every error of every package its HTTP status.

ServiceError
├── BodyTooLarge             more bytes than the route takes
├── BodyTypeUnsupported      a Content-Type or Content-Encoding the route does not read
├── JsonRejected             not JSON, or JSON that no honest client sends
├── UploadRejected           a form or a body without usable pictures
├── TooManyPictures          more pictures than one request may carry
├── CallRejected             a call in a public protocol that is not what the protocol, or the model, takes
├── ModelUnloaded            a model this process was asked not to serve
├── Overloaded               more predictions wait than will be answered soon
├── ClientLeft               nobody waits for the answer any more
├── ArchiveUnusable          an uploaded archive that breaks a rule or holds no dataset
├── ConversionDied           the process that converts an archive ended before it was done
├── TooManyUploads           as many uploads are under way as one process takes
├── DiskFull                 no room for an upload
├── DatasetBuiltIn           a dataset that comes with the program was to be deleted
├── DatasetInUse             jobs need the dataset that was to be deleted
├── PreviewUnavailable       a dataset without a contact sheet, for now
└── NothingPublished         no model named, and none there

Below `service/` errors carry facts only. Whatever is missing from the table is unforeseen: a 500 with nothing said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import ClientDisconnect

import model_store
import worker.jobs.errors
from worker.architectures import ArchitectureError, ArchitectureNotFound
from worker.datasets import DatasetCorrupt, DatasetNotFound, DatasetNotReady, DatasetUnavailable
from worker.jobs.request import RequestInvalid
from worker.pictures.pixels import PictureFormatUnsupported, PictureRejected, PictureTooLarge


class ServiceError(Exception):
    """Root of this package's errors."""


class BodyTooLarge(ServiceError):
    """More bytes than the route takes, counted or announced."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is too large; expected at most {limit_bytes:,} bytes, got more.")
        self.limit_bytes = limit_bytes


class BodyTypeUnsupported(ServiceError):
    """A body in a format the route does not read."""

    def __init__(self, expected: str, came: str, hint: str = "") -> None:
        super().__init__(f"The request body cannot be read; expected {expected}, got {came}. {hint}".strip())
        self.expected = expected
        self.came = came


class JsonRejected(ServiceError):
    """Not JSON, or JSON that no honest client sends."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The request body is not usable JSON: {reason}.")
        self.reason = reason


class UploadRejected(ServiceError):
    """A form or a body without usable pictures.

    Attributes:
        loc: path of the part at fault, as in pydantic's errors.
        message: what is wrong, what was expected, what came.
    """

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.loc = loc
        self.message = message


class TooManyPictures(ServiceError):
    """More pictures than one request may carry."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are too many pictures in one request; expected at most {limit}, got more.")
        self.limit = limit


class CallRejected(ServiceError):
    """A call in a public protocol (`service.protocols`) that is not what the protocol, or the model, takes."""


class ModelUnloaded(ServiceError):
    """Somebody asked this process not to serve the model, and nobody has asked for it since."""

    def __init__(self, model: str) -> None:
        super().__init__(f"Model {model!r} is unloaded; POST /v2/repository/models/{model}/load brings it back.")
        self.model = model


class Overloaded(ServiceError):
    """More predictions wait than will be answered soon.

    Attributes:
        retry_after_s: seconds after which those that wait now are expected to be answered, at least 1.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many predictions wait already; expected a shorter queue in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class ClientLeft(ServiceError):
    """Nobody waits for the answer any more, so the work was given up."""

    def __init__(self) -> None:
        super().__init__("The client left before its answer was ready.")


class ArchiveUnusable(ServiceError):
    """An uploaded archive breaks a rule, or holds no dataset.

    Attributes:
        code: for programs.
        hint: what a person can do about it.
    """

    def __init__(self, message: str, code: str = "archive_rejected", hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class ConversionDied(ServiceError):
    """The process that converts an archive ended before it was done."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The archive could not be converted: {reason}.")


class TooManyUploads(ServiceError):
    """As many uploads are under way as one process takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} datasets are being uploaded or converted already; try again when one is done.")


class DiskFull(ServiceError):
    """No room for an upload."""

    def __init__(self) -> None:
        super().__init__("There is no room for the archive on the server's disk.")


class DatasetBuiltIn(ServiceError):
    """A dataset that comes with the program was to be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Dataset {name!r} comes with the program and cannot be deleted.")


class DatasetInUse(ServiceError):
    """Jobs need the dataset that was to be deleted."""

    def __init__(self, name: str, jobs: Sequence[str]) -> None:
        listed = ", ".join(jobs[:5]) + (f" and {len(jobs) - 5} more" if len(jobs) > 5 else "")
        super().__init__(f"Dataset {name!r} cannot be deleted: expected no job that needs it, got {listed}.")


class PreviewUnavailable(ServiceError):
    """A dataset without a contact sheet, for now."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"There is no picture of dataset {name!r}: {reason}.")


class NothingPublished(ServiceError):
    """No model named, and none there."""

    def __init__(self) -> None:
        super().__init__("No model has been published yet; train one with POST /jobs, or name a model.")


@dataclass(frozen=True)
class Verdict:
    """What a client is told about a kind of error.

    Attributes:
        status: HTTP status.
        code: for programs.
        title: for people, the same for every error of the kind.
        detail: said instead of the error's own words where those tell of the server's insides.
        retry_after_s: seconds after which trying again makes sense.
    """

    status: int
    code: str
    title: str
    detail: str | None = None
    retry_after_s: int | None = None


_DISK_FULL = Verdict(
    507,
    "disk_full",
    "Not enough room on the disk",
    "There is too little room on the server's disk; delete versions and datasets that are not needed any more.",
    60,
)
_DATASET_CORRUPT = Verdict(503, "dataset_corrupt", "Dataset damaged", "The dataset's files are damaged.")
VERDICTS: dict[type[Exception], Verdict] = {
    BodyTooLarge: Verdict(413, "body_too_large", "Request body too large"),
    BodyTypeUnsupported: Verdict(415, "content_type_unsupported", "Request body of an unsupported type"),
    JsonRejected: Verdict(400, "json_invalid", "Invalid JSON"),
    UploadRejected: Verdict(422, "upload_invalid", "Invalid upload"),
    TooManyPictures: Verdict(413, "too_many_pictures", "Too many pictures"),
    CallRejected: Verdict(400, "call_invalid", "Invalid call"),
    ModelUnloaded: Verdict(503, "model_unloaded", "Model unloaded"),
    Overloaded: Verdict(429, "overloaded", "Too many predictions at once"),
    ClientLeft: Verdict(499, "client_left", "Client left"),
    ArchiveUnusable: Verdict(422, "archive_rejected", "Archive that cannot become a dataset"),
    ConversionDied: Verdict(500, "conversion_failed", "Conversion failed"),
    TooManyUploads: Verdict(503, "too_many_uploads", "Too many uploads at once", retry_after_s=30),
    DiskFull: _DISK_FULL,
    DatasetBuiltIn: Verdict(409, "dataset_built_in", "Dataset that comes with the program"),
    DatasetInUse: Verdict(409, "dataset_in_use", "Dataset in use"),
    PreviewUnavailable: Verdict(404, "preview_unavailable", "No picture of the dataset"),
    NothingPublished: Verdict(404, "no_model_published", "No model published yet"),
    ClientDisconnect: Verdict(400, "client_disconnected", "Client left", "The request ended before its body did."),
    PictureTooLarge: Verdict(413, "picture_too_large", "Picture too large"),
    PictureFormatUnsupported: Verdict(415, "picture_format_unsupported", "Unsupported picture format"),
    PictureRejected: Verdict(422, "picture_invalid", "Unreadable picture"),
    model_store.InvalidName: Verdict(422, "invalid_name", "Invalid name"),
    model_store.ModelNotFound: Verdict(404, "model_not_found", "No such model"),
    model_store.VersionNotFound: Verdict(404, "version_not_found", "No such version"),
    model_store.AliasNotFound: Verdict(404, "alias_not_found", "No such alias"),
    model_store.FileNotInVersion: Verdict(404, "file_not_found", "No such file"),
    model_store.VersionInUse: Verdict(409, "version_in_use", "Version in use"),
    model_store.ArtifactCorrupt: Verdict(503, "artifact_corrupt", "Stored model damaged"),
    model_store.StoreFull: _DISK_FULL,
    model_store.StoreUnavailable: Verdict(
        503, "store_unavailable", "Model store unavailable", "The model store does not answer at the moment.", 5
    ),
    ArchitectureNotFound: Verdict(404, "architecture_not_found", "No such architecture"),
    ArchitectureError: Verdict(422, "architecture_invalid", "Architecture that cannot work"),
    DatasetNotFound: Verdict(404, "dataset_not_found", "No such dataset"),
    DatasetNotReady: Verdict(409, "dataset_not_ready", "Dataset not ready"),
    model_store.DatasetTaken: Verdict(409, "dataset_exists", "Dataset name taken"),
    model_store.DatasetDamaged: _DATASET_CORRUPT,
    DatasetUnavailable: Verdict(
        503,
        "dataset_unavailable",
        "Dataset unavailable",
        "The dataset cannot be had at the moment.",
        60,
    ),
    DatasetCorrupt: _DATASET_CORRUPT,
    RequestInvalid: Verdict(422, "request_invalid", "Request that cannot be run"),
    worker.jobs.errors.JobNotFound: Verdict(404, "job_not_found", "No such job"),
    worker.jobs.errors.GroupNotFound: Verdict(404, "group_not_found", "No such group"),
    worker.jobs.errors.JobNotFinished: Verdict(409, "job_not_finished", "Job not finished"),
    worker.jobs.errors.IdempotencyConflict: Verdict(409, "idempotency_conflict", "Idempotency-Key used before"),
    worker.jobs.errors.QueueUnavailable: Verdict(
        503, "queue_unavailable", "Job queue unavailable", "The job queue does not answer at the moment.", 5
    ),
}
PROTOCOL_STATUSES: dict[type[Exception], int] = {PictureRejected: 400, ModelUnloaded: 404}
"""Where the public protocols have statuses of their own; elsewhere the table above holds for them too."""
VALIDATION_FAILED = Verdict(422, "validation_failed", "Invalid request")
UNFORESEEN = Verdict(500, "internal_error", "Internal error")
FRAMEWORK: dict[int, Verdict] = {
    400: Verdict(400, "bad_request", "Bad request"),
    404: Verdict(404, "not_found", "Not found", "There is nothing at this address; GET /docs lists what there is."),
    405: Verdict(405, "method_not_allowed", "Method not allowed"),
}
"""What the web framework says by itself."""


def verdict_of(error: Exception) -> Verdict:
    """The verdict on the error's own class, or on its nearest ancestor in the table.

    Raises:
        KeyError: no class of the error is in the table.
    """
    return next(VERDICTS[kind] for kind in (*type(error).__mro__, type(error)) if kind in VERDICTS)


def protocol_status_of(error: Exception) -> int:
    """The status of an error in the public protocols. Raises `KeyError` like `verdict_of`."""
    own = (status for kind, status in PROTOCOL_STATUSES.items() if isinstance(error, kind))
    return next(own, verdict_of(error).status)
