"""The forms of values that people write, as regular expressions, and what each expects in words.

Errors say the words: a person who types a name does not read regular expressions.
"""

import re
from collections.abc import Mapping
from typing import Any

from model_store.names import ALIAS_PATTERN, FILE_PATTERN, MODEL_PATTERN, NAME_WORDS

REFERENCE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}(/[1-9][0-9]{0,8}|@[a-z0-9][a-z0-9-]{0,62})?$"
FIELD_PATH_PATTERN = r"^[a-z0-9_]+(\.[a-z0-9_]+)*$"
JOB_IDS_PATTERN = r"^[a-z0-9-]+(,[a-z0-9-]+)*$"
TAG_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,31}$"
MOST_TAGS = 10
SHAPE_PATTERN = r"^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}x[1-9]$"
EVENT_ID_PATTERN = r"^\d+(-\d+)?$"
UMASK_PATTERN = r"^0?[0-7]{3}$"
WEB_ADDRESS_PATTERN = r"^https?://[^\s/]+"
ROUTE_PATTERN = r"^/[A-Za-z0-9/_.:~-]{1,200}$"
FEEDBACK_ID_PATTERN = r"^[0-9a-f]{20}$"
PADDING_PATTERN = r"^(valid|same|[0-9]|1[0-6])$"

WORDS: Mapping[str, str] = {
    **{pattern: f"have only {NAME_WORDS[pattern]}" for pattern in (MODEL_PATTERN, ALIAS_PATTERN, FILE_PATTERN)},
    REFERENCE_PATTERN: "be `name`, `name/version` or `name@alias`, with names in lower case",
    FIELD_PATH_PATTERN: "be the name of a field, or several joined by dots, such as `optimizer.learning_rate`",
    JOB_IDS_PATTERN: "be ids of jobs, separated by commas and without spaces",
    TAG_PATTERN: "have only letters, digits, `.`, `_` and `-`, at most 32, and begin with a letter or digit",
    SHAPE_PATTERN: "be height, width and channels, such as 32x32x3",
    EVENT_ID_PATTERN: "be the `id` of an event",
    FEEDBACK_ID_PATTERN: "be the `id` of some feedback, 20 hexadecimal digits",
    UMASK_PATTERN: "be three octal digits, such as 077",
    PADDING_PATTERN: "be `valid`, `same`, or a number of pixels from 0 to 16",
    ROUTE_PATTERN: "be a path that begins with /, of letters, digits and / _ . : ~ -",
    WEB_ADDRESS_PATTERN: "be an address that begins with http:// or https://",
}
"""By pattern, what a value should do."""


JSON_KINDS = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dataclass_type", "dict_type"), "an object, {…}"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "a list, […]"),
    "string_type": "a text in quotation marks",
}
"""By pydantic's name of an error, what JSON calls the kind of value that is expected."""


def message_of(error: Mapping[str, Any]) -> str:
    """The message of one of pydantic's errors, with the expected form in words."""
    kind = JSON_KINDS.get(error.get("type", ""))
    if kind is not None:
        return f"Input should be {kind}"
    if error.get("type") != "string_pattern_mismatch":
        return str(error["msg"])
    return f"Input should {WORDS.get(error.get('ctx', {}).get('pattern'), 'have another form')}"


_SIZE = re.compile(r"\[?\s*(\d{1,4})(?:\s*[x,]\s*(\d{1,4}))?\s*\]?")


def size_of(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Height and width of `64`, `48x64` or `[48, 64]`; any other value as it is, to be refused by its field."""
    if isinstance(value, int):
        return (value, value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else (int(match[1]), int(match[2] or match[1]))
