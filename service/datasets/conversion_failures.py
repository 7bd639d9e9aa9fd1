"""Turns what ended a conversion into the failure that its status records: a code, a message and a hint."""

from model_store import ConversionFailure, DatasetTaken, StoreFull, StoreUnavailable
from service.errors import ArchiveUnusable, ConversionDied


def failure_of(error: Exception) -> ConversionFailure:
    """The failure for people and programs; code `internal` for an error that nobody expected."""
    match error:
        case ArchiveUnusable():
            return ConversionFailure(code=error.code, message=str(error), hint=error.hint)
        case ConversionDied():
            return ConversionFailure(
                code="converter_died", message=str(error), hint="See the API's log, then upload again."
            )
        case DatasetTaken():
            return ConversionFailure(code="dataset_exists", message=str(error))
        case StoreFull():
            return ConversionFailure(
                code="disk_full",
                message="The model store has too little free space.",
                hint="Delete what is no longer needed; then upload the archive again.",
            )
        case StoreUnavailable():
            return ConversionFailure(
                code="store_unavailable",
                message="The dataset could not be written to the model store.",
                hint="GET /readyz says more; then upload the archive again.",
            )
    return ConversionFailure(
        code="internal",
        message=f"The conversion stopped on an unexpected {type(error).__name__}.",
        hint="The API's log has the details.",
    )
