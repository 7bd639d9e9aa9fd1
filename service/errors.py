"""The errors of the HTTP side. `service.web.verdicts` gives each its HTTP status.

ServiceError
├── BodyTooLarge             more bytes than the route takes
├── RangeNotSatisfiable      a range of bytes that the file does not have
├── BodyTypeUnsupported      a Content-Type or Content-Encoding the route does not read
├── JsonRejected             not JSON, or JSON that no honest client sends
├── UploadRejected           a form or a body that is broken or holds nothing usable
├── TooManyPictures          more pictures than one request may carry
├── TooManyPixels            more pixels than the pictures of one request may have together
├── PictureNotFetched        a picture that its URL did not lead to (also a PictureRejected)
├── CallRejected             a call in a public protocol that the protocol or the model does not accept
├── ModelUnloaded            a model that was unloaded through the repository API
├── Overloaded               more predictions are waiting than will be answered soon
├── ClientLeft               the client disconnected before its answer
├── ArchiveUnusable          an uploaded archive that breaks a rule or holds no dataset
├── ConversionDied           the process that converts an archive ended early
├── TooManyStreams           the process already serves as many event streams as it may
├── TooManyUploads           the process already handles as many uploads as it may
├── DiskFull                 not enough free disk space for an upload
├── DatasetBuiltIn           a dataset that comes with the program cannot be deleted
├── ModelInUse               a model that aliases or jobs need cannot be deleted
├── DatasetInUse             a dataset that jobs need cannot be deleted
├── PreviewUnavailable       a dataset that has no contact sheet yet
├── DatasetPictureNotFound   a split or an index that a dataset does not have
├── HostNotAllowed           a request for a host name that is not this server's
├── OriginNotAllowed         a page of another site wants to change something
├── NothingPublished         no model was named, and none is published
├── VersionPassedOver        only versions that the doctor keeps from answering by default
├── AliasReserved            an alias that is computed cannot be set or removed
└── NotRecorded              a version without what is recorded when one is published
"""

from collections.abc import Sequence

from worker.pictures.pixels import PictureRejected


class ServiceError(Exception):
    """Base class of this package's errors."""


class BodyTooLarge(ServiceError):
    """The body is larger than the route accepts, as counted or as announced."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is too large; expected at most {limit_bytes:,} bytes, got more.")
        self.limit_bytes = limit_bytes


class RangeNotSatisfiable(ServiceError):
    """The file has no byte of the range that the request asks for.

    Attributes:
        headers: of the answer; they have the size of the file.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has no such bytes; expected a range within its {size:,} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


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


class TooManyPixels(ServiceError):
    """More pixels than the pictures of one request may have together."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The pictures of the request have too many pixels together; expected at most {limit:,} in the size in "
            "which they are decoded, got more. Send them in several requests."
        )
        self.limit = limit


class PictureNotFetched(ServiceError, PictureRejected):
    """The URL of a picture is not allowed, or the server behind it gave none; the reason names no address inside."""


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


class TooManyStreams(ServiceError):
    """The process already serves as many event streams as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} event streams are open already; close one, or try again later.")


class TooManyUploads(ServiceError):
    """The process already handles as many uploads as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} uploads are being received or converted already; try again when one is done.")


class DiskFull(ServiceError):
    """There is not enough free disk space for an upload."""

    def __init__(self) -> None:
        super().__init__("The server's disk does not have enough free space for the archive.")


class DatasetBuiltIn(ServiceError):
    """A dataset that comes with the program cannot be deleted, and does not grow."""

    def __init__(self, name: str, what: str = "be deleted") -> None:
        super().__init__(f"Dataset {name!r} comes with the program and cannot {what}.")


class OnlyVersion(ServiceError):
    """The last version of a dataset is deleted with the dataset."""

    def __init__(self, name: str, version: int) -> None:
        super().__init__(f"Version {version} is the only one of dataset {name!r}; delete the dataset instead.")


class ModelInUse(ServiceError):
    """Aliases or jobs need the model."""

    def __init__(self, model: str, aliases: Sequence[str], jobs: Sequence[str]) -> None:
        needs = [f"alias {alias}" for alias in aliases] + [f"job {job}" for job in jobs]
        shown = ", ".join(needs[:10]) + (f" and {len(needs) - 10} more" if len(needs) > 10 else "")
        super().__init__(f"Model {model!r} cannot be deleted: expected nothing that needs it, got {shown}.")
        self.aliases = tuple(aliases)
        self.jobs = tuple(jobs)


class DatasetInUse(ServiceError):
    """A dataset that jobs need cannot be deleted."""

    def __init__(self, name: str, jobs: Sequence[str]) -> None:
        listed = ", ".join(jobs[:5]) + (f" and {len(jobs) - 5} more" if len(jobs) > 5 else "")
        super().__init__(f"Dataset {name!r} cannot be deleted: expected no job that needs it, got {listed}.")


class PreviewUnavailable(ServiceError):
    """The dataset has no contact sheet yet."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"There is no picture of dataset {name!r}: {reason}.")


class DatasetPictureNotFound(ServiceError):
    """A dataset has no picture of this split and index."""

    def __init__(self, name: str, split: str, n_pictures: int, index: int | None = None) -> None:
        if n_pictures == 0:
            reason = f"it has no {split} split"
        else:
            reason = f"expected an index from 0 to {n_pictures - 1} of its {split} split, got {index}"
        super().__init__(f"There is no such picture of dataset {name!r}: {reason}.")


class NothingPublished(ServiceError):
    """No model was named, and none is published."""

    def __init__(self) -> None:
        super().__init__("No model has been published yet; train one with POST /jobs, or name a model.")


class HostNotAllowed(ServiceError):
    """A request for a host name that is not this server's."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This server does not answer under the name {host[:80]!r}; expected a loopback name or one of "
            "CONVSERVE_ALLOWED_HOSTS."
        )


class OriginNotAllowed(ServiceError):
    """A page of another site wants to change something."""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"A page of another site sent this request; expected this server's own page, got {origin[:80]!r}."
        )


class VersionPassedOver(ServiceError):
    """A model has no version that may answer by default."""

    def __init__(self, model: str, version: int, finding: str) -> None:
        super().__init__(
            f"Version {version} of model {model!r} does not answer by default, because the doctor found "
            f"{finding!r}, and there is no other; expected a version without an error. "
            f"GET /models/{model}/versions/{version}/doctor says what is wrong; "
            f"POST /models/{model}/versions/{version}/predict answers all the same."
        )
        self.model = model
        self.version = version
        self.finding = finding


class AliasReserved(ServiceError):
    """`best` and `latest` are computed."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"The alias {alias!r} is computed for every model and cannot be set or removed; expected another name, "
            "such as 'production'."
        )


class NotRecorded(ServiceError):
    """A version of an older release, of another program, or imported, lacks what a request needs to know about it."""

    def __init__(self, model: str, version: int, missing: str, remedy: str) -> None:
        super().__init__(f"Version {version} of model {model!r} has no {missing}; expected one. {remedy}")
