"""The one table that gives every error of every package its HTTP status, its code and its title.

Below `service/` errors carry facts only. An error that is missing from the table is unexpected: a 500 without details.
"""

from dataclasses import dataclass, replace

from starlette.requests import ClientDisconnect

import model_store
import worker.jobs.errors
from service.errors import (
    AliasReserved,
    ArchiveUnusable,
    BodyTooLarge,
    BodyTypeUnsupported,
    CallRejected,
    ClientLeft,
    ConversionDied,
    DatasetBuiltIn,
    DatasetInUse,
    DatasetPictureNotFound,
    DiskFull,
    HostNotAllowed,
    JsonRejected,
    ModelInUse,
    ModelUnloaded,
    NothingPublished,
    NotRecorded,
    OnlyVersion,
    OriginNotAllowed,
    Overloaded,
    PictureNotFetched,
    PreviewUnavailable,
    RangeNotSatisfiable,
    TooManyPictures,
    TooManyPixels,
    TooManyStreams,
    TooManyUploads,
    UploadRejected,
    VersionPassedOver,
)
from service.web.drawing_errors import TooManyDrawings
from service.web.feedback_errors import FeedbackFull, FeedbackNotFound, NothingToCollect
from service.web.key_errors import (
    ExpiryInvalid,
    KeyMissing,
    KeyNameReserved,
    LabelsHidden,
    NotOwner,
    ScopeMissing,
    TooManyFailures,
)
from service.web.quota_errors import QuotaExceeded, StorageExceeded
from service.web.split_errors import SplitInvalid
from service.web.upload_errors import OffsetConflict, TusUnsupported, UploadBusy, UploadNotFound
from worker.architectures import ArchitectureError, ArchitectureNotFound
from worker.datasets import DatasetCorrupt, DatasetNotFound, DatasetNotReady, DatasetUnavailable
from worker.inside.errors import LayerNotFound
from worker.jobs.request import RequestInvalid
from worker.pictures.pixels import PictureFormatUnsupported, PictureRejected, PictureTooLarge


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
    RangeNotSatisfiable: Verdict(416, "range_not_satisfiable", "No such range of bytes"),
    BodyTypeUnsupported: Verdict(415, "content_type_unsupported", "Request body of an unsupported type"),
    JsonRejected: Verdict(400, "json_invalid", "Invalid JSON"),
    UploadRejected: Verdict(422, "upload_invalid", "Invalid upload"),
    TooManyPictures: Verdict(413, "too_many_pictures", "Too many pictures"),
    TooManyPixels: Verdict(413, "too_many_pixels", "Too many pixels"),
    CallRejected: Verdict(400, "call_invalid", "Invalid call"),
    ModelUnloaded: Verdict(503, "model_unloaded", "Model unloaded"),
    Overloaded: Verdict(429, "overloaded", "Too many predictions at once"),
    ClientLeft: Verdict(499, "client_left", "Client left"),
    ArchiveUnusable: Verdict(422, "archive_rejected", "Archive cannot become a dataset"),
    ConversionDied: Verdict(500, "conversion_failed", "Conversion failed"),
    TooManyStreams: Verdict(429, "too_many_streams", "Too many event streams at once", retry_after_s=5),
    TooManyDrawings: Verdict(429, "too_many_drawings", "Too many pictures to draw at once", retry_after_s=5),
    TooManyUploads: Verdict(503, "too_many_uploads", "Too many uploads at once", retry_after_s=30),
    DiskFull: _DISK_FULL,
    DatasetBuiltIn: Verdict(409, "dataset_built_in", "Dataset comes with the program"),
    ModelInUse: Verdict(409, "model_in_use", "Model in use"),
    UploadNotFound: Verdict(404, "upload_not_found", "No such upload"),
    UploadBusy: Verdict(423, "upload_busy", "Upload is being written", retry_after_s=2),
    OffsetConflict: Verdict(409, "offset_conflict", "Wrong offset"),
    TusUnsupported: Verdict(412, "tus_unsupported", "Another version of tus"),
    OnlyVersion: Verdict(409, "only_version", "Only version of a dataset"),
    DatasetInUse: Verdict(409, "dataset_in_use", "Dataset in use"),
    PreviewUnavailable: Verdict(404, "preview_unavailable", "No picture of the dataset"),
    DatasetPictureNotFound: Verdict(404, "picture_not_found", "No such picture"),
    HostNotAllowed: Verdict(421, "host_not_allowed", "Unknown host name"),
    OriginNotAllowed: Verdict(403, "origin_not_allowed", "Request of another site"),
    KeyMissing: Verdict(401, "key_missing", "Key missing or wrong"),
    TooManyFailures: Verdict(429, "too_many_wrong_keys", "Too many wrong keys"),
    QuotaExceeded: Verdict(429, "quota_exceeded", "More than this key allows"),
    StorageExceeded: Verdict(403, "storage_exceeded", "More bytes than this key allows"),
    FeedbackFull: Verdict(403, "feedback_full", "More feedback than one owner may keep"),
    FeedbackNotFound: Verdict(404, "feedback_not_found", "No such feedback"),
    NothingToCollect: Verdict(409, "nothing_to_collect", "No feedback to collect"),
    LabelsHidden: Verdict(403, "labels_hidden", "Test labels hidden"),
    NotOwner: Verdict(403, "not_owner", "Belongs to another"),
    KeyNameReserved: Verdict(422, "key_name_reserved", "Name reserved"),
    ExpiryInvalid: Verdict(422, "expiry_invalid", "Invalid expiry"),
    ScopeMissing: Verdict(403, "scope_missing", "Key without the scope needed"),
    LayerNotFound: Verdict(404, "layer_not_found", "No such layer"),
    NothingPublished: Verdict(404, "no_model_published", "No model published yet"),
    VersionPassedOver: Verdict(409, "version_passed_over", "No version may answer by default"),
    AliasReserved: Verdict(409, "alias_reserved", "Alias is computed"),
    SplitInvalid: Verdict(422, "split_invalid", "Versions cannot share an alias"),
    NotRecorded: Verdict(409, "not_recorded", "Not recorded for this version"),
    ClientDisconnect: Verdict(400, "client_disconnected", "Client left", "The request ended before its body did."),
    PictureTooLarge: Verdict(413, "picture_too_large", "Picture too large"),
    PictureFormatUnsupported: Verdict(415, "picture_format_unsupported", "Unsupported picture format"),
    PictureNotFetched: Verdict(422, "picture_not_fetched", "Picture not fetched"),
    PictureRejected: Verdict(422, "picture_invalid", "Unreadable picture"),
    model_store.InvalidName: Verdict(422, "invalid_name", "Invalid name"),
    model_store.ModelNotFound: Verdict(404, "model_not_found", "No such model"),
    model_store.VersionNotFound: Verdict(404, "version_not_found", "No such version"),
    model_store.AliasNotFound: Verdict(404, "alias_not_found", "No such alias"),
    model_store.FileNotInVersion: Verdict(404, "file_not_found", "No such file"),
    model_store.KeyNotFound: Verdict(404, "key_not_found", "No such key"),
    model_store.KeyNameTaken: Verdict(409, "key_exists", "Key name taken"),
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
    worker.jobs.errors.GroupFull: Verdict(409, "group_full", "Group too large"),
    worker.jobs.errors.JobNotFinished: Verdict(409, "job_not_finished", "Job not finished"),
    worker.jobs.errors.NothingToFinish: Verdict(409, "nothing_to_finish", "Nothing to publish yet"),
    worker.jobs.errors.IdempotencyConflict: Verdict(409, "idempotency_conflict", "Idempotency-Key used before"),
    worker.jobs.errors.RecordTooNew: Verdict(503, "newer_version_needed", "Newer version needed", None, 60),
    worker.jobs.errors.QueueUnavailable: Verdict(
        503, "queue_unavailable", "Job queue unavailable", "The job queue does not answer at the moment.", 5
    ),
}
PROTOCOL_STATUSES: dict[type[Exception], int] = {PictureRejected: 400, ModelUnloaded: 404}
"""Statuses that differ in the public protocols; for all other errors the table above applies there too."""
VALIDATION_FAILED = Verdict(422, "validation_failed", "Invalid request")
UNFORESEEN = Verdict(500, "internal_error", "Internal error")
NOT_FOUND = Verdict(404, "not_found", "Not found")
FRAMEWORK: dict[int, Verdict] = {
    400: Verdict(400, "bad_request", "Bad request"),
    404: replace(NOT_FOUND, detail="There is nothing at this address; GET /docs lists what there is."),
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
