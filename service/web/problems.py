"""The one body of every error, `application/problem+json` (RFC 9457), and the handlers that answer with it.

A problem never echoes the request, and its body stays small whatever arrived. `service.web.verdicts` decides which
status belongs to which error.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from service.errors import UploadRejected
from service.web.methods import allowed_methods, asked_method, corrected_address
from service.web.unknown_fields import with_advice
from service.web.verdicts import FRAMEWORK, NOT_FOUND, UNFORESEEN, VALIDATION_FAILED, VERDICTS, Verdict, verdict_of
from worker.architectures import ArchitectureError
from worker.jobs.grids import SUBMISSION_TAGS
from worker.jobs.request import RequestInvalid, without_union_tags
from worker.patterns import message_of

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL = 600
MAX_MESSAGE = 300
MAX_LOC_PARTS = 16
MAX_LOC_PART = 64
MAX_ERRORS = 100
MAX_ERRORS_BYTES = 2500
"""With the rest of the body this stays below 4 KB."""

Loc = Sequence[str | int]
_CHOICE = re.compile(r"constrained-\w+|(literal|function-\w+|nullable|list|tuple|dict|tagged-union)\[.*\]?", re.DOTALL)
"""What pydantic writes into the place of an error: which of several types it tried."""


class FieldProblem(BaseModel, defer_build=True):
    """What is wrong with one part of a request."""

    loc: list[str | int] = Field(
        description="Path of the part: `body`, `query`, `path` or `header`, then keys and indices.",
        examples=[["body", "architecture", "layers", 3, "kernel_size"]],
    )
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class Problem(BaseModel, defer_build=True):
    """Every error's body, after RFC 9457."""

    type: str = Field(
        description="Names the kind of problem, like `code`.", examples=["urn:convserve:problem:model_not_found"]
    )
    title: str = Field(description="The kind of problem, for people.", examples=["No such model"])
    status: int = Field(description="The HTTP status again.", examples=[404])
    detail: str = Field(description="What is wrong in this case, for people.", examples=["there is no model 'shirts'"])
    code: str = Field(description="The kind of problem, for programs.", examples=["model_not_found"])
    errors: list[FieldProblem] | None = Field(default=None, description="The parts at fault, where known.")
    limit: float | None = Field(default=None, description="Beyond a quota: what the key allows.")
    used: float | None = Field(default=None, description="Beyond a quota: what its owner uses.")
    retry_after_s: float | None = Field(
        default=None, description="Beyond a quota: seconds until it makes sense to try again; null if it does not."
    )


class ErrorRenderer(Protocol):
    """Renders errors below a path prefix whose clients expect a body other than a problem."""

    def respond(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        """Render an error that is no exception of ours."""

    def respond_to(self, error: Exception, headers: Mapping[str, str] | None = None) -> Response:
        """Render an error of the table in `service.web.verdicts`."""


def install(app: FastAPI, renderers: Mapping[str, ErrorRenderer]) -> None:
    """Register handlers for every expected error.

    Args:
        app: the application.
        renderers: by path prefix; under all other paths errors are problems.
    """
    app.state.error_renderers = renderers
    for kind in VERDICTS:
        app.add_exception_handler(kind, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _framework_error)


def problem_of(verdict: Verdict, detail: str, errors: Iterable[FieldProblem] = ()) -> Problem:
    """The problem body of a verdict, cut to size."""
    kept = _within_budget(errors)
    return Problem(
        type=f"urn:convserve:problem:{verdict.code}",
        title=verdict.title,
        status=verdict.status,
        detail=_clean(verdict.detail or detail, MAX_DETAIL),
        code=verdict.code,
        errors=kept or None,
    )


def respond(
    problem: Problem, headers: Mapping[str, str] | None = None, quota: Mapping[str, float | None] | None = None
) -> Response:
    """The response with a problem; every error but those of an `ErrorRenderer` leaves the service this way."""
    body = json.dumps(problem.model_dump(exclude_none=True) | dict(quota or {}), ensure_ascii=False)
    return Response(body.encode(), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


def respond_unforeseen(request_id: str, scope: Scope) -> Response:
    """The answer to an unexpected error: the request id to look for in the log, and nothing else."""
    detail = f"Something went wrong on the server; its log has the details under request id {request_id}."
    renderer = _renderer_for(scope)
    if renderer is not None:
        return renderer.respond(UNFORESEEN.status, detail)
    return respond(problem_of(UNFORESEEN, detail))


def respond_to(error: Exception, scope: Scope) -> Response:
    """The answer to an error of the table, in the form that clients of the path expect."""
    verdict = verdict_of(error)
    if verdict.status >= 500:
        logger.warning("answered %d %s: %s", verdict.status, verdict.code, error)
    retry_after_s = getattr(error, "retry_after_s", verdict.retry_after_s)
    headers = {**getattr(error, "headers", {}), **({"Retry-After": str(retry_after_s)} if retry_after_s else {})}
    renderer = _renderer_for(scope)
    if renderer is not None:
        return renderer.respond_to(error, headers)
    problem = problem_of(verdict, str(error), _parts_at_fault(error))
    return respond(problem, headers, getattr(error, "quota", {}))


def _renderer_for(scope: Scope) -> ErrorRenderer | None:
    path: str = scope["path"]
    renderers: Mapping[str, ErrorRenderer] = scope["app"].state.error_renderers
    return next((found for prefix, found in renderers.items() if path == prefix or path.startswith(f"{prefix}/")), None)


async def _domain_error(request: Request, error: Exception) -> Response:
    return respond_to(error, request.scope)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond_invalid(error, request.scope)


def respond_invalid(error: RequestValidationError, scope: Scope | None = None) -> Response:
    """The answer to a request that does not have the expected shape."""
    errors = error.errors()
    found = [with_advice(each, scope) for each in errors[:MAX_ERRORS]]
    parts = [_field_problem(each["loc"], message_of(each)) for each in found]
    first = f"{'.'.join(map(str, parts[0].loc))}: {parts[0].message}" if parts else "it is empty"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return respond(problem_of(VALIDATION_FAILED, f"The request is not valid: {first}{more}", parts))


async def _framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if type(error.__cause__) in VERDICTS:
        # FastAPI wraps exceptions that are raised while it reads the body.
        return respond_to(error.__cause__, request.scope)  # type: ignore[arg-type]
    detail, headers = str(error.detail), error.headers
    if error.status_code == 405:
        allowed = ", ".join(allowed_methods(request.scope, request.app.routes))
        detail = f"This address does not answer {asked_method(request.scope)}; expected {allowed}."
        headers = {"Allow": allowed}
    renderer = _renderer_for(request.scope)
    if renderer is not None:
        return renderer.respond(error.status_code, detail, headers)
    if error.status_code == 404 and (address := corrected_address(request.scope, request.app.routes)) is not None:
        return respond(problem_of(NOT_FOUND, f"There is nothing at this address; did you mean {address!r}?"))
    verdict = FRAMEWORK.get(error.status_code)
    if verdict is None:
        verdict = Verdict(error.status_code, f"http_{error.status_code}", "Request refused")
    return respond(problem_of(verdict, detail), headers)


def _parts_at_fault(error: Exception) -> list[FieldProblem]:
    match error:
        case ArchitectureError() | RequestInvalid() | UploadRejected() if error.loc:
            return [_field_problem(("body", *error.loc), error.message)]
    return []


def _without_kind(loc: Loc) -> Loc:
    """The path of a part as it is in the client's own request."""
    if tuple(loc[:1]) != ("body",):
        return (*loc[:2], *(step for step in loc[2:] if isinstance(step, int)))
    inside = tuple(loc[2:]) if loc[1:2] and loc[1] in SUBMISSION_TAGS else tuple(loc[1:])
    kept = (step for step in inside if isinstance(step, int) or not _CHOICE.fullmatch(step))
    return ("body", *without_union_tags(tuple(kept)))


def _field_problem(loc: Loc, message: str) -> FieldProblem:
    steps = _without_kind(loc)[:MAX_LOC_PARTS]
    parts = [_clean(part, MAX_LOC_PART) if isinstance(part, str) else part for part in steps]
    return FieldProblem(loc=parts, message=_clean(message, MAX_MESSAGE))


def _within_budget(errors: Iterable[FieldProblem]) -> list[FieldProblem]:
    kept: list[FieldProblem] = []
    spent = 0
    for error in errors:
        spent += len(error.model_dump_json().encode())
        if spent > MAX_ERRORS_BYTES:
            break
        kept.append(error)
    return kept


def _clean(text: str, length: int) -> str:
    """The text in at most `length` characters, as valid Unicode without control characters."""
    cut = text if len(text) <= length else text[: length - 1] + "…"
    whole = cut.encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else " " for character in whole)
