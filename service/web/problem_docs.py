"""The error answers of a route, as OpenAPI shows them: one entry per status, one example per code.

Routes name the errors they may answer with; texts and statuses come from the table in `service.web.verdicts`.
"""

from collections import defaultdict
from typing import Any

from service.web.problems import MEDIA_TYPE, problem_of
from service.web.verdicts import UNFORESEEN, VALIDATION_FAILED, VERDICTS, Verdict

SCHEMA = {"$ref": "#/components/schemas/Problem"}


def problem_responses(*errors: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The `responses` argument of a route that may answer with these errors."""
    return _documented([*(VERDICTS[error] for error in errors), VALIDATION_FAILED])


def common_responses() -> dict[int | str, dict[str, Any]]:
    """What every route may answer with."""
    return _documented([VALIDATION_FAILED, UNFORESEEN])


def problem_examples() -> dict[str, dict[str, Any]]:
    """One example per code; the entries of the routes refer to them."""
    verdicts = [*VERDICTS.values(), VALIDATION_FAILED, UNFORESEEN]
    detail = "What is wrong; what was expected, what came."
    return {
        verdict.code: {
            "summary": verdict.title,
            "value": problem_of(verdict, detail).model_dump(exclude_none=True),
        }
        for verdict in sorted(verdicts, key=lambda verdict: verdict.code)
    }


def _documented(verdicts: list[Verdict]) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int | str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_status[verdict.status].append(verdict)
    return {status: _entry(found) for status, found in sorted(by_status.items())}


def _entry(verdicts: list[Verdict]) -> dict[str, Any]:
    examples = {verdict.code: {"$ref": f"#/components/examples/{verdict.code}"} for verdict in verdicts}
    return {
        "description": "; ".join(f"{verdict.title} (`{verdict.code}`)" for verdict in verdicts),
        "content": {MEDIA_TYPE: {"schema": SCHEMA, "examples": examples}},
    }
