"""Imports models that were trained elsewhere: `POST /models` with a Keras or an ONNX file."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response, status

from model_store import StoreFull, StoreUnavailable
from service.deps import (
    REQUIRE_FREE_SPACE,
    CallerDep,
    DatasetsDep,
    QueueDep,
    RequestIdDep,
    StateDep,
    StoreDep,
    UsageDep,
)
from service.errors import BodyTooLarge, BodyTypeUnsupported, DiskFull, TooManyUploads, UploadRejected
from service.imports.model_bodies import receive_model
from service.imports.submitting import submit_import
from service.quotas.checks import require_jobs
from service.web.problem_docs import problem_responses
from service.web.quota_errors import QuotaExceeded, StorageExceeded
from worker.datasets import DatasetNotReady
from worker.imports.options import ImportOptions
from worker.jobs.errors import IdempotencyConflict, QueueUnavailable
from worker.jobs.records import JobRecord
from worker.jobs.request import RequestInvalid

router = APIRouter(prefix="/models", tags=["models"])

MODEL_FILE = {
    "type": "string",
    "format": "binary",
    "description": "A Keras model (`.keras`), or an ONNX file with one picture as its input.",
}


def _text_options() -> dict[str, Any]:
    """The options as text, which is what queries and fields of forms have."""
    return {
        name: {
            "type": "string",
            "description": field.description,
            **({"examples": [str(example) for example in field.examples]} if field.examples else {}),
        }
        for name, field in ImportOptions.model_fields.items()
    }


_OPTIONS_FIELD = {"type": "string", "description": "All options as one JSON object, instead of a field for each."}
IMPORT_DOCS = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "description": schema.pop("description"), "schema": schema}
        for name, schema in _text_options().items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": MODEL_FILE} for kind in ("application/octet-stream", "application/zip")},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": MODEL_FILE, "options": _OPTIONS_FIELD, **_text_options()},
                }
            },
        },
    },
}


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Import a model",
    dependencies=[REQUIRE_FREE_SPACE],
    openapi_extra=IMPORT_DOCS,
    responses=problem_responses(
        BodyTooLarge,
        BodyTypeUnsupported,
        UploadRejected,
        RequestInvalid,
        DatasetNotReady,
        IdempotencyConflict,
        TooManyUploads,
        QuotaExceeded,
        StorageExceeded,
        QueueUnavailable,
        DiskFull,
        StoreFull,
        StoreUnavailable,
    ),
)
async def import_model(
    request: Request,
    response: Response,
    state: StateDep,
    queue: QueueDep,
    datasets: DatasetsDep,
    store: StoreDep,
    request_id: RequestIdDep,
    caller: CallerDep,
    usage: UsageDep,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, description="A repeated request with the same key returns the first request's job."),
    ] = None,
) -> JobRecord:
    """Queue a job of the kind `import`, which publishes a model that was trained elsewhere; `Location` has its URL.

    The file is the body (options in the query) or the field `file` of a form (options as fields beside it, or as one
    JSON object in the field `options`). A `.keras` file is rebuilt layer by layer from what it says and from its
    weights; nothing in it is executed, and a layer that cannot be rebuilt ends the job with its name
    (`model_unusable`). An ONNX file is served as it is, after a check of its graph. What was chosen for you is in the
    answer, below `request.imported`, and in the recipe of the version.
    """
    await require_jobs(caller, usage, 1)
    async with state.model_uploads.receiving() as file:
        model = await receive_model(
            request, file, request.query_params, state.settings.max_model_bytes, state.settings.min_free_bytes
        )
        record = await submit_import(
            model, file, store, queue, datasets.find, idempotency_key or "", request_id, caller
        )
    response.headers["Location"] = f"/jobs/{record.id}"
    return record
