"""What a value should look like is said in words, for every pattern that a person's input can miss."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from model_store.errors import InvalidName
from model_store.names import MODEL_PATTERN, check_alias, check_file, check_model
from worker.jobs.request import JobRequest
from worker.patterns import WORDS, message_of


@pytest.mark.parametrize("words", WORDS.values())
def test_words_are_no_pattern(words: str) -> None:
    assert not set(words) & set("^$[]{}\\|+*")


def test_the_message_of_a_name_says_what_names_are() -> None:
    with pytest.raises(ValidationError) as raised:
        JobRequest.model_validate({"architecture": "cnn", "dataset": "cifar10", "epochs": 1, "model": "My Shirts"})
    (error,) = raised.value.errors()
    assert message_of(error) == (
        "Input should have only lower-case letters, digits, - and _, "
        "starting with a letter or digit, at most 63 characters"
    )


def test_other_messages_stay() -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(int).validate_python("x")
    (error,) = raised.value.errors()
    assert message_of(error) == error["msg"]


def test_a_pattern_without_words_is_not_shown_either() -> None:
    error = {"type": "string_pattern_mismatch", "msg": "… '^secret$'", "ctx": {"pattern": "^secret$"}}
    assert message_of(error) == "Input should have another form"


@pytest.mark.parametrize("check", [check_model, check_alias, check_file])
def test_the_store_says_it_in_words_too(check: object) -> None:
    assert callable(check)
    with pytest.raises(InvalidName, match="lower-case letters") as raised:
        check("A/B")
    assert MODEL_PATTERN not in str(raised.value)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(dict[str, int], "an object, {…}"), (tuple[int, ...], "a list, […]"), (str, "a text in quotation marks")],
)
def test_kinds_of_values_are_called_as_in_json(wanted: Any, words: str) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(wanted).validate_python(5)
    (error,) = raised.value.errors()
    assert message_of(error) == f"Input should be {words}"
