"""The documented table of settings comes from the settings classes: `python tests/contract/test_settings_table.py`."""

from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from service.settings import ApiSettings
from worker.settings import SharedSettings, WorkerSettings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
START, END = "<!-- settings -->\n", "<!-- /settings -->\n"


def test_every_setting_is_documented_as_it_is() -> None:
    text = PAGE.read_text()
    assert text[text.index(START) + len(START) : text.index(END)] == settings_table(), (
        "write it with: python tests/contract/test_settings_table.py"
    )


def settings_table() -> str:
    shared = set(SharedSettings.model_fields)
    rows = ["| variable | default | read by | what it says |", "| --- | --- | --- | --- |"]
    for readers, settings in (("all", SharedSettings), ("API", ApiSettings), ("worker", WorkerSettings)):
        rows += [
            f"| `CONVSERVE_{name.upper()}` | {_default(field)} | {readers} | {field.description} |"
            for name, field in _fields(settings).items()
            if readers == "all" or name not in shared
        ]
    return "\n".join(rows) + "\n"


def _fields(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    return dict(settings.model_fields)


def _default(field: FieldInfo) -> str:
    if field.default is None:
        return ""
    return f"`{field.default}`".lower() if isinstance(field.default, bool) else f"`{field.default}`"


if __name__ == "__main__":
    before, after = PAGE.read_text().split(START)[0], PAGE.read_text().split(END)[1]
    PAGE.write_text(before + START + settings_table() + END + after)
