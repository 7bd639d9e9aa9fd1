"""Turns what ended a conversion into the failure that its status records: a code, a message and a hint."""

from collections.abc import Mapping

from model_store import ConversionFailure, DatasetTaken, StoreFull, StoreUnavailable
from service.errors import ArchiveUnusable, ConversionDied
from service.web.quota_errors import StorageExceeded

STORE_FULL = ConversionFailure(
    code="disk_full",
    message="The model store has too little free space.",
    hint="Delete what is no longer needed; then upload the archive again.",
)
STORE_UNAVAILABLE = ConversionFailure(
    code="store_unavailable",
    message="The dataset could not be written to the model store.",
    hint="GET /readyz says more; then upload the archive again.",
)
_SAID_BY_THE_ERROR: Mapping[type[Exception], tuple[str, str | None]] = {
    ConversionDied: ("converter_died", "See the API's log, then upload again."),
    DatasetTaken: ("dataset_exists", None),
    StorageExceeded: (
        "storage_exceeded",
        "Delete datasets that are no longer needed, or choose a smaller image_size; then upload the archive again.",
    ),
}
"""Code and hint of errors whose own message says what happened."""


def failure_of(error: Exception) -> ConversionFailure:
    """The failure for people and programs; code `internal` for an error that nobody expected."""
    match error:
        case ArchiveUnusable():
            return ConversionFailure(code=error.code, message=str(error), hint=error.hint)
        case StoreFull():
            return STORE_FULL
        case StoreUnavailable():
            return STORE_UNAVAILABLE
    if type(error) in _SAID_BY_THE_ERROR:
        code, hint = _SAID_BY_THE_ERROR[type(error)]
        return ConversionFailure(code=code, message=str(error), hint=hint)
    return ConversionFailure(
        code="internal",
        message=f"The conversion stopped on an unexpected {type(error).__name__}.",
        hint="The API's log has the details.",
    )
