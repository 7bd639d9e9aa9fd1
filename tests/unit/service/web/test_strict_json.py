"""What counts as JSON here, and that refusing is quick."""

import json

import pytest

from service.errors import JsonRejected
from service.web.strict_json import MAX_DEPTH, MAX_MEMBERS, parse_json
from tests.cpu_time import at_most_cpu_s


def _with_keys(n_keys: int) -> str:
    return json.dumps(dict.fromkeys(map(str, range(n_keys))))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ('{"a": [1, -2.5, true, null, "x"]}', {"a": [1, -2.5, True, None, "x"]}),
        ('"[[[[\\"{{{{"', '[[[["{{{{'),
        ('{"é": "\\u00e9"}', {"é": "é"}),
        ('{"\\ud83d\\udc31": ["\\uD83D\\uDC31", "\\\\ud83d"]}', {"🐱": ["🐱", "\\ud83d"]}),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
        ('{"a":[' * (MAX_DEPTH // 2) + "]}" * (MAX_DEPTH // 2), None),
    ],
)
def test_ordinary_json_is_read(text: str, value: object) -> None:
    parsed = parse_json(text.encode())
    if value is not None:
        assert parsed == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ('{"a":' * 50 + "1" + "}" * 50, "nested too deeply"),
        ('{"a":[' * 17 + "]}" * 17, "nested too deeply"),
        ("[[" * 500_000, "nested too deeply"),
        ("[NaN]", "NaN"),
        ("[1e999]", "too large"),
        ("[" + "1" * 5000 + "]", "too many digits"),
        ('{"a": 1, "a": 1}', "twice"),
        (_with_keys(MAX_MEMBERS + 1), "too many keys"),
        (f"[{_with_keys(MAX_MEMBERS)}, {_with_keys(1)}]", "too many keys"),
        ('["\\ud83d"]', "half of a character"),
        ('{"\\uDC31\\uD83D": 1}', "half of a character"),
        ('[{"a": "\\ud83d\\udc31 \\udfff"}]', "half of a character"),
        ('{"a": 1', "line 1"),
        ('"open', "line 1"),
        ("\ufeff{}", "line 1"),
        ("", "line 1"),
    ],
)
def test_other_json_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(JsonRejected, match=reason):
        parse_json(text.encode())


def test_text_beside_strings_can_be_limited() -> None:
    assert parse_json(b'{"b64": "' + b"x" * 5000 + b'"}', max_outside_strings=100)
    with pytest.raises(JsonRejected, match="outside of strings"):
        parse_json(b"[" + b"1," * 100 + b"1]", max_outside_strings=100)


@pytest.mark.parametrize(
    "text",
    [
        '"' * 999_999,
        '"' + '\\"' * 500_000,
        '"' + '\\"' * 499_999 + "\\",
        "[]" * 500_000,
        '""[' * 300_000,
        "\\" * 999_999,
    ],
)
def test_a_hostile_megabyte_is_refused_quickly(text: str) -> None:
    with at_most_cpu_s(0.5), pytest.raises(JsonRejected):
        parse_json(text.encode())
