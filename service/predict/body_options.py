"""Options that may be in the query, or beside the pictures of a JSON body."""

from collections.abc import Mapping
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, JsonValue, ValidationError

PICTURES = "images"

Options = TypeVar("Options", bound=BaseModel)


class BodyOptions:
    """Takes the options out of a JSON body: everything but the pictures.

    Attributes:
        found: what was taken.
    """

    def __init__(self) -> None:
        self.found: dict[str, JsonValue] = {}

    def take(self, body: JsonValue) -> JsonValue:
        """Keep the options of a parsed body, and return what is left of it."""
        if not isinstance(body, dict):
            return body
        self.found = {name: value for name, value in body.items() if name != PICTURES}
        return {name: value for name, value in body.items() if name == PICTURES}


def validated(model: type[Options], query: Mapping[str, object], body: Mapping[str, JsonValue]) -> Options:
    """The options of the query and of the body together; those of the body count where both have one.

    Args:
        model: of the options.
        query: those that were given, by name.
        body: those beside the pictures.

    Raises:
        RequestValidationError: one is invalid or unknown; the error says where it was.
    """
    try:
        return model.model_validate({**query, **body})
    except ValidationError as error:
        found = [
            {**detail, "loc": (_place(detail["loc"], query, body), *detail["loc"])}
            for detail in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        raise RequestValidationError(found) from None


def _place(loc: tuple[int | str, ...], query: Mapping[str, object], body: Mapping[str, JsonValue]) -> str:
    return "query" if loc and loc[0] in query and loc[0] not in body else "body"
