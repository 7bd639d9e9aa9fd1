"""The error for a query parameter whose value is valid by itself, and does not fit something else."""

from fastapi.exceptions import RequestValidationError


def refused_value(name: str, message: str, given: str | None = None) -> RequestValidationError:
    """What to raise; it becomes a problem like those of pydantic.

    Args:
        name: of the parameter.
        message: what was expected, and what came.
        given: the value, to be shown with the error.
    """
    shown = {} if given is None else {"input": given}
    return RequestValidationError([{"type": "value_error", "loc": ("query", name), "msg": message, **shown}])
