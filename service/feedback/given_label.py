"""The right label that a client gives: one of the version's classes, or a refusal that says which was meant."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from fastapi.exceptions import RequestValidationError

LABEL = "label"
MOST_NAMED = 10
MAX_LABEL = 200


class GivenLabel:
    """Takes the label out of a request: from its query, a field of its form, or its JSON."""

    names: Collection[str] = (LABEL,)

    def __init__(self, in_query: str | None) -> None:
        self._given: dict[str, Any] = {} if in_query is None else {"query": in_query}

    def take_from_json(self, document: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Take `label` out of a JSON body, and return the rest."""
        if isinstance(document, dict) and LABEL in document:
            self._given["body"] = document[LABEL]
            return {name: value for name, value in document.items() if name != LABEL}
        return document

    def take(self, fields: Mapping[str, bytes]) -> None:
        """Take the field `label` of a form."""
        if LABEL in fields:
            self._given["body"] = fields[LABEL].decode("utf-8", "replace")

    def index_in(self, classes: Sequence[str]) -> int:
        """The index of the class that was named. Raises `RequestValidationError`."""
        if not self._given:
            raise _refused("query", "missing", f"Field required; expected one of {_named(classes)}")
        (where, given), *others = self._given.items()
        if others:
            raise _refused("query", "value_error", "The label comes twice; expected it in the query or in the body")
        if not isinstance(given, str):
            raise _refused(where, "string_type", "Input should be a valid string")
        if given in classes:
            return list(classes).index(given)
        alike = [index for index, label in enumerate(classes) if label.casefold() == given.strip().casefold()]
        if len(alike) == 1:
            return alike[0]
        raise _refused(
            where, "value_error", f"{given[:MAX_LABEL]!r} is no class of this version; {_advice(given, classes)}"
        )


def _advice(given: str, classes: Sequence[str]) -> str:
    by_lower = {label.casefold(): label for label in classes}
    similar = get_close_matches(given[:MAX_LABEL].strip().casefold(), by_lower, n=1)
    return f"did you mean {by_lower[similar[0]]!r}?" if similar else f"expected one of {_named(classes)}"


def _named(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - MOST_NAMED} more" if len(classes) > MOST_NAMED else ""
    return ", ".join(map(repr, classes[:MOST_NAMED])) + more


def _refused(where: str, kind: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": (where, LABEL), "msg": message}])
