"""Tells from a request's path, query and headers which prediction it asks for, when all of them are simple.

Simple is what clients send all day. Everything else, such as a query with an unknown or a wrong value, a header that
occurs twice or a compressed body, is `None` here and goes to the routes, which know every case and how to refuse it.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from model_store.names import MODEL_PATTERN
from service.models.index import Reference
from service.predict.urls import DEFAULT_TOP_K, FIELD_PATTERNS, INFER_ROUTES, PREDICT_ROUTES, route_pattern

MAX_BODY_BYTES = 1024 * 1024
"""Larger bodies take the routes: the lane would keep them whole, and the routes are a small part of their time."""
CALLS_CACHED = 1024
MAX_URL = 256
"""Longest URL that is parsed here, which bounds the cache of parsed URLs."""
_ROUTES = [
    (template, re.compile(route_pattern(template, FIELD_PATTERNS))) for template in PREDICT_ROUTES + INFER_ROUTES
]
_MODEL_NAME = re.compile(MODEL_PATTERN)
_TOP_K = re.compile(r"[1-9][0-9]{0,5}")


class Call(NamedTuple):
    """What the address of a prediction says.

    Attributes:
        reference: the version to ask.
        route: template of the route that would answer, for the metrics.
        top_k: how many classes to name; None for a tensor of the Open Inference Protocol.
    """

    reference: Reference
    route: str
    top_k: int | None


def simple_call(url: bytes) -> Call | None:
    """What the path and the query of a POST ask for; None when anything about them is unusual."""
    return _remembered_call(url) if len(url) <= MAX_URL else None


def simple_headers(pairs: Collection[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """The headers of a request with an unencoded body of a modest, announced length; None for any other request.

    Args:
        pairs: names in lower case.
    """
    headers = dict(pairs)
    length = headers.get(b"content-length", b"")
    if (
        len(headers) != len(pairs)
        or b"transfer-encoding" in headers
        or b"content-encoding" in headers
        or not length.isdigit()
        or len(length) > len(str(MAX_BODY_BYTES))
        or not 0 < int(length) <= MAX_BODY_BYTES
    ):
        return None
    return headers


@lru_cache(CALLS_CACHED)
def _remembered_call(url: bytes) -> Call | None:
    path, _, query = url.decode("latin-1").partition("?")
    for route, pattern in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None:
            return _call(route, found.groupdict(), query)
    return None


def _call(route: str, fields: dict[str, str], query: str) -> Call | None:
    name, top_k = fields.get("name") or fields.get("model"), None
    if route in PREDICT_ROUTES:  # elsewhere the query means nothing
        try:
            model, top_k = _read_query(query, may_name_model=name is None)
        except ValueError:
            return None
        name = name or model
    version = fields.get("version")
    return Call(Reference(name, None if version is None else int(version), fields.get("alias")), route, top_k)


def _read_query(query: str, *, may_name_model: bool) -> tuple[str | None, int]:
    """The `model` and the `top_k` of a query. Raises `ValueError` when the query is not simple."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    is_unique = len(found) == len(pairs)
    model, top_k = found.pop("model", None), found.pop("top_k", str(DEFAULT_TOP_K))
    is_model_simple = model is None or (may_name_model and _MODEL_NAME.fullmatch(model))
    if found or not is_unique or not is_model_simple or not _TOP_K.fullmatch(top_k):
        raise ValueError("not a simple query")
    return model, int(top_k)
