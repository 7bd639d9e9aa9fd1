"""A network's overrides as query parameters; errors name the parameter."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from worker.architectures import OverrideError, Overrides
from worker.architectures.grammar import Activation

_SIZE = re.compile(r"([0-9]{1,4})(?:x([0-9]{1,4}))?")
_FIELDS = Overrides.model_fields


def overrides_of_query(
    activation: Annotated[Activation | None, Query(description=_FIELDS["activation"].description)] = None,
    depth: Annotated[int | None, Query(description=_FIELDS["depth"].description)] = None,
    width: Annotated[float | None, Query(description=_FIELDS["width"].description)] = None,
    input_size: Annotated[
        str | None,
        Query(description=_FIELDS["input_size"].description, examples=["native", "64", "96x128"]),
    ] = None,
    dropout: Annotated[float | None, Query(description=_FIELDS["dropout"].description)] = None,
) -> Overrides:
    """The overrides that a query asks for.

    Raises:
        RequestValidationError: one has an invalid value.
    """
    asked = {"activation": activation, "depth": depth, "width": width, "dropout": dropout}
    try:
        return Overrides.model_validate(asked | {"input_size": _size(input_size)})
    except ValidationError as error:
        faults = [{"loc": ("query", fault["loc"][0]), "msg": fault["msg"]} for fault in error.errors()]
        raise RequestValidationError(faults) from None


OverridesDep = Annotated[Overrides, Depends(overrides_of_query)]


@contextmanager
def told_by_query() -> Iterator[None]:
    """Name the query parameter, not a field of a body, when a network cannot take an override."""
    try:
        yield
    except OverrideError as error:
        raise RequestValidationError([{"loc": ("query", *error.loc[1:]), "msg": error.message}]) from error


def _size(text: str | None) -> object:
    """`64` and `96x128` as JSON values; anything else is left for `Overrides` to validate."""
    match = _SIZE.fullmatch(text or "")
    if match is None:
        return text
    height, width = match.groups()
    return int(height) if width is None else (int(height), int(width))
