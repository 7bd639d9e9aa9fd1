"""The errors of the HTTP side, and the one table that gives every error of every package its HTTP status.

ServiceError
├── BodyTooLarge             more bytes than the route takes
├── BodyTypeUnsupported      a Content-Type or Content-Encoding the route does not read
├── JsonRejected             not JSON, or JSON that no honest client sends
├── UploadRejected           a form or a body that is broken or holds nothing usable
├── TooManyPictures          more pictures than one request may carry
├── CallRejected             a call in a public protocol that the protocol or the model does not accept
├── ModelUnloaded            a model that was unloaded through the repository API
├── Overloaded               more predictions are waiting than will be answered soon
├── ClientLeft               the client disconnected before its answer
├── ArchiveUnusable          an uploaded archive that breaks a rule or holds no dataset
├── ConversionDied           the process that converts an archive ended early
├── TooManyUploads           the process already handles as many uploads as it may
├── DiskFull                 not enough free disk space for an upload
├── DatasetBuiltIn           a dataset that comes with the program cannot be deleted
├── DatasetInUse             a dataset that jobs need cannot be deleted
├── PreviewUnavailable       a dataset that has no contact sheet yet
└── NothingPublished         no model was named, and none is published

Below `service/` errors carry facts only. An error that is missing from the table is unexpected: a 500 without details.
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
    """Base class of this package's errors."""


class BodyTooLarge(ServiceError):
    """The body is larger than the route accepts, as counted or as announced."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is too large; expected at most {limit_bytes:,} bytes, got more.")
        self.limit_bytes = limit_bytes


class BodyTypeUnsupported(ServiceError):
    """The route does not read bodies of this format."""

    def __init__(self, expected: str, came: str, hint: str = "") -> None:
        super().__init__(f"The request body cannot be read; expected {expected}, got {came}. {hint}".strip())
        self.expected = expected
        self.came = came


class JsonRejected(ServiceError):
    """The body is not JSON, or breaks a limit of `service.web.strict_json`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The request body is not usable JSON: {reason}.")
        self.reason = reason


class UploadRejected(ServiceError):
    """A form or a body is broken, or holds nothing usable.

    Attributes:
        loc: path of the part at fault, as in pydantic's errors.
        message: what is wrong, what was expected, what was received.
    """

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.loc = loc
        self.message = message


class TooManyPictures(ServiceError):
    """One request has more pictures than allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are too many pictures in one request; expected at most {limit}, got more.")
        self.limit = limit


class CallRejected(ServiceError):
    """The protocol (`service.protocols`) or the model does not accept this call."""


class ModelUnloaded(ServiceError):
    """The model was unloaded through the repository API, and has not been loaded since."""

    def __init__(self, model: str) -> None:
        super().__init__(f"Model {model!r} is unloaded; POST /v2/repository/models/{model}/load brings it back.")
        self.model = model


class Overloaded(ServiceError):
    """More predictions are waiting than will be answered soon.

    Attributes:
        retry_after_s: seconds after which the waiting predictions are expected to be answered, at least 1.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many predictions are waiting; expected a shorter queue in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class ClientLeft(ServiceError):
    """The client disconnected before its answer, so the work was cancelled."""

    def __init__(self) -> None:
        super().__init__("The client disconnected before its answer was ready.")


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
    """The process that converts an archive ended early."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The archive could not be converted: {reason}.")


class TooManyUploads(ServiceError):
    """The process already handles as many uploads as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} datasets are being uploaded or converted already; try again when one is done.")


class DiskFull(ServiceError):
    """There is not enough free disk space for an upload."""

    def __init__(self) -> None:
        super().__init__("The server's disk does not have enough free space for the archive.")


class DatasetBuiltIn(ServiceError):
    """A dataset that comes with the program cannot be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Dataset {name!r} comes with the program and cannot be deleted.")


class DatasetInUse(ServiceError):
    """A dataset that jobs need cannot be deleted."""

    def __init__(self, name: str, jobs: Sequence[str]) -> None:
        listed = ", ".join(jobs[:5]) + (f" and {len(jobs) - 5} more" if len(jobs) > 5 else "")
        super().__init__(f"Dataset {name!r} cannot be deleted: expected no job that needs it, got {listed}.")


class PreviewUnavailable(ServiceError):
    """The dataset has no contact sheet yet."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"There is no picture of dataset {name!r}: {reason}.")


class NothingPublished(ServiceError):
    """No model was named, and none is published."""

    def __init__(self) -> None:
        super().__init__("No model has been published yet; train one with POST /jobs, or name a model.")


@dataclass(frozen=True)
class Verdict:
    """What a client is told about a kind of error.

    Attributes:
        status: HTTP status.
        code: for programs.
        title: for people, the same for every error of the kind.
        detail: replaces the error's own message where that would reveal internals of the server.
        retry_after_s: seconds after which a retry makes sense.
    """

    status: int
    code: str
    title: str
    detail: str | None = None
    retry_after_s: int | None = None


_DISK_FULL = Verdict(
    507,
    "disk_full",
    "Not enough free disk space",
    "The server's disk has too little free space; delete versions and datasets that are no longer needed.",
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
    ArchiveUnusable: Verdict(422, "archive_rejected", "Archive cannot become a dataset"),
    ConversionDied: Verdict(500, "conversion_failed", "Conversion failed"),
    TooManyUploads: Verdict(503, "too_many_uploads", "Too many uploads at once", retry_after_s=30),
    DiskFull: _DISK_FULL,
    DatasetBuiltIn: Verdict(409, "dataset_built_in", "Dataset comes with the program"),
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
    ArchitectureError: Verdict(422, "architecture_invalid", "Architecture cannot work"),
    DatasetNotFound: Verdict(404, "dataset_not_found", "No such dataset"),
    DatasetNotReady: Verdict(409, "dataset_not_ready", "Dataset not ready"),
    model_store.DatasetTaken: Verdict(409, "dataset_exists", "Dataset name taken"),
    model_store.DatasetDamaged: _DATASET_CORRUPT,
    DatasetUnavailable: Verdict(
        503,
        "dataset_unavailable",
        "Dataset unavailable",
        "The dataset is not available at the moment.",
        60,
    ),
    DatasetCorrupt: _DATASET_CORRUPT,
    RequestInvalid: Verdict(422, "request_invalid", "Request cannot be run"),
    worker.jobs.errors.JobNotFound: Verdict(404, "job_not_found", "No such job"),
    worker.jobs.errors.GroupNotFound: Verdict(404, "group_not_found", "No such group"),
    worker.jobs.errors.JobNotFinished: Verdict(409, "job_not_finished", "Job not finished"),
    worker.jobs.errors.IdempotencyConflict: Verdict(409, "idempotency_conflict", "Idempotency-Key used before"),
    worker.jobs.errors.QueueUnavailable: Verdict(
        503, "queue_unavailable", "Job queue unavailable", "The job queue does not answer at the moment.", 5
    ),
}
PROTOCOL_STATUSES: dict[type[Exception], int] = {PictureRejected: 400, ModelUnloaded: 404}
"""Statuses that differ in the public protocols; for all other errors the table above applies there too."""
VALIDATION_FAILED = Verdict(422, "validation_failed", "Invalid request")
UNFORESEEN = Verdict(500, "internal_error", "Internal error")
FRAMEWORK: dict[int, Verdict] = {
    400: Verdict(400, "bad_request", "Bad request"),
    404: Verdict(404, "not_found", "Not found", "There is nothing at this address; GET /docs lists what there is."),
    405: Verdict(405, "method_not_allowed", "Method not allowed"),
}
"""Errors that the web framework itself answers with."""


def verdict_of(error: Exception) -> Verdict:
    """The verdict for the error's own class, or for its nearest ancestor in the table.

    Raises:
        KeyError: no class of the error is in the table.
    """
    return next(VERDICTS[kind] for kind in (*type(error).__mro__, type(error)) if kind in VERDICTS)


def protocol_status_of(error: Exception) -> int:
    """The status of an error in the public protocols. Raises `KeyError` like `verdict_of`."""
    own = (status for kind, status in PROTOCOL_STATUSES.items() if isinstance(error, kind))
    return next(own, verdict_of(error).status)
