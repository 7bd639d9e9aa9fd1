"""The tables of docs/reference are made from the code: `python tests/contract/test_reference_tables.py` writes them."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from service.cli.server import ClientSettings
from service.settings import ApiSettings
from service.web import refusals
from service.web.verdicts import FRAMEWORK, UNFORESEEN, VALIDATION_FAILED, VERDICTS
from worker.architectures import PRESETS, analyse
from worker.architectures.grammar import Branches, Residual, SimpleLayer
from worker.architectures.overrides import Overrides
from worker.datasets import DATASETS
from worker.jobs.records import JobFailure
from worker.settings import SharedSettings, WorkerSettings

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "docs" / "reference"
REFUSED = [found.verdict for found in vars(refusals).values() if isinstance(found, refusals.Refusal)]
"""What connections answer themselves."""
READERS: dict[str, type[BaseSettings]] = {
    "all": SharedSettings,
    "API": ApiSettings,
    "worker": WorkerSettings,
    "commands": ClientSettings,
}
N_CLASSES = 10


def settings_table() -> list[str]:
    shared = set(SharedSettings.model_fields)
    rows = ["| variable | default | read by | what it says |", "| --- | --- | --- | --- |"]
    for readers, settings in READERS.items():
        rows += [
            f"| `CONVSERVE_{name.upper()}` | {_default(field)} | {readers} | {field.description} |"
            for name, field in _fields(settings).items()
            if readers == "all" or name not in shared
        ]
    return rows


def api_table() -> list[str]:
    document = json.loads((PROJECT / "openapi" / "openapi.json").read_text())
    rows = ["| route | what it does | answers |", "| --- | --- | --- |"]
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            answers = ", ".join(sorted(set(route["responses"]) - {"422", "500"} - _of_any_route(route["responses"])))
            rows.append(f"| `{method.upper()} {path}` | {route['summary']} | {answers} |")
    return [
        *rows,
        "",
        "Any route may also answer 422 (invalid request) and 500 (internal error); where keys are needed also 401 (no "
        "key that opens it), 403 (a key that may not do this) and 429 (too many wrong keys).",
    ]


def _of_any_route(responses: dict[str, dict[str, Any]]) -> set[str]:
    """The statuses that only say something about keys."""
    of_keys = {"key_missing", "scope_missing", "too_many_wrong_keys"}
    return {status for status, answer in responses.items() if 0 < len(_codes(answer)) == len(_codes(answer) & of_keys)}


def _codes(answer: dict[str, Any]) -> set[str]:
    return {code for content in answer.get("content", {}).values() for code in content.get("examples", {})}


def errors_table() -> list[str]:
    verdicts = {v.code: v for v in (*VERDICTS.values(), VALIDATION_FAILED, UNFORESEEN, *FRAMEWORK.values(), *REFUSED)}
    rows = ["| code | status | what happened |", "| --- | --- | --- |"]
    ordered = sorted(verdicts.values(), key=lambda verdict: (verdict.status, verdict.code))
    return rows + [f"| `{verdict.code}` | {verdict.status} | {verdict.title} |" for verdict in ordered]


def networks_table() -> list[str]:
    rows = ["| preset | network | classic input | parameters |", "| --- | --- | --- | --- |"]
    for name, preset in PRESETS.items():
        parameters = analyse(preset.architecture, preset.image_shape, N_CLASSES).parameters
        origin = preset.year or preset.source.split(";")[0]
        shape = "x".join(map(str, preset.image_shape))
        rows.append(f"| `{name}` | {preset.title} ({origin}) | {shape} | {parameters:,} |")
    return rows


def overrides_table() -> list[str]:
    rows = ["| override | what it does |", "| --- | --- |"]
    return rows + [f"| `{name}` | {field.description} |" for name, field in Overrides.model_fields.items()]


def layers_table() -> list[str]:
    rows = ["| type | fields and defaults | what it does |", "| --- | --- | --- |"]
    for layer in (*get_args(SimpleLayer), Branches, Residual):
        fields = dict(layer.model_fields)
        (kind,) = get_args(fields.pop("type").annotation)
        listed = ", ".join(f"`{name}{_as_default(field)}`" for name, field in fields.items())
        rows.append(f"| `{kind}` | {listed} | {(layer.__doc__ or '').strip()} |")
    return rows


def datasets_table() -> list[str]:
    rows = ["| name | training + test pictures | size | classes | licence |", "| --- | --- | --- | --- | --- |"]
    for name, info in DATASETS.items():
        height, width, channels = info.image_shape
        kind = "grey" if channels == 1 else "colour"
        rows.append(
            f"| `{name}` | {info.n_train:,} + {info.n_test:,} | {height}x{width} {kind} | {len(info.classes)} "
            f"| {info.licence} |"
        )
    return rows


TABLES: dict[str, tuple[str, Callable[[], Iterable[str]]]] = {
    "settings": ("settings.md", settings_table),
    "api": ("api.md", api_table),
    "errors": ("errors.md", errors_table),
    "networks": ("networks.md", networks_table),
    "overrides": ("networks.md", overrides_table),
    "layers": ("networks.md", layers_table),
    "datasets": ("datasets.md", datasets_table),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_reference_is_the_codes(name: str) -> None:
    page, _ = TABLES[name]
    text = (REFERENCE / page).read_text()
    assert text == with_table(text, name), "write it with: make openapi"


def test_every_reason_for_a_failed_job_is_explained() -> None:
    codes = set(get_args(JobFailure.model_fields["code"].annotation))
    section = (REFERENCE / "errors.md").read_text().partition("## Why a job failed")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == codes


def with_table(text: str, name: str) -> str:
    """The page with the table between its two marks written anew."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"the page has no marks for the table {name!r}"
    return before + begin + "\n".join(TABLES[name][1]()) + "\n" + end + after


def write_tables() -> None:
    for name, (page, _) in TABLES.items():
        path = REFERENCE / page
        path.write_text(with_table(path.read_text(), name))


def _fields(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    return dict(settings.model_fields)


def _default(field: FieldInfo) -> str:
    if field.default is None or field.default_factory is not None:
        return ""  # its description says what it is
    return f"`{field.default}`".lower() if isinstance(field.default, bool) else f"`{field.default}`"


def _as_default(field: FieldInfo) -> str:
    return "" if field.default is PydanticUndefined else f"={json.dumps(field.default)}"


if __name__ == "__main__":
    write_tables()
