"""Which prediction a request asks for, told from its path, query and headers alone, when all of them are plain.

Plain is what clients send all day. Whatever is not, such as a query with an unknown or a wrong value, two headers of
one name or a compressed body, is `None` here and left to the routes, which know every case and how to refuse it.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from model_store.names import ALIAS_PATTERN, MODEL_PATTERN, NUMBER_PATTERN
from service.models.index import Reference

DEFAULT_TOP_K = 5
MAX_BODY_BYTES = 1024 * 1024
"""Of a larger body the way through the routes is a small part of the time, and here it is kept whole meanwhile."""
CALLS_CACHED = 1024
MAX_URL = 256
_MODEL, _ALIAS, _NUMBER = (
    pattern.removeprefix("^").removesuffix("$") for pattern in (MODEL_PATTERN, ALIAS_PATTERN, NUMBER_PATTERN)
)
_PREDICT = re.compile(
    rf"(?:/models/(?P<name>{_MODEL})(?:/versions/(?P<version>{_NUMBER})|/aliases/(?P<alias>{_ALIAS}))?)?/predict"
)
_INFER = re.compile(rf"/v2/models/(?P<name>{_MODEL})(?:/versions/(?P<version>{_NUMBER}))?/infer")
_MODEL_NAME = re.compile(_MODEL)
_TOP_K = re.compile(r"[1-9][0-9]{0,5}")
_PREDICT_ROUTES = {
    "": "/predict",
    "name": "/models/{name}/predict",
    "version": "/models/{name}/versions/{version}/predict",
    "alias": "/models/{name}/aliases/{alias}/predict",
}
_INFER_ROUTES = {"name": "/v2/models/{model}/infer", "version": "/v2/models/{model}/versions/{version}/infer"}


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
    return _remembered_call(url) if len(url) <= MAX_URL else None  # so that what is remembered is small


def simple_headers(pairs: Collection[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """The headers of a request whose body is plain bytes of a modest, announced length; None of any other.

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
    infer = _INFER.fullmatch(path)
    if infer is not None:
        name, version = infer.groups()
        reference = Reference(name, None if version is None else int(version))
        return Call(reference, _INFER_ROUTES[infer.lastgroup or ""], None)  # the query means nothing there
    predict = _PREDICT.fullmatch(path)
    if predict is None:
        return None
    name, version, alias = predict.groups()
    top_k: int | None = DEFAULT_TOP_K
    if query:
        wishes = parse_qsl(query, keep_blank_values=True)
        model, top_k = _wishes(wishes, name is None)
        name = name or model
    if top_k is None:
        return None
    reference = Reference(name, None if version is None else int(version), alias)
    return Call(reference, _PREDICT_ROUTES[predict.lastgroup or ""], top_k)


def _wishes(wishes: list[tuple[str, str]], may_name_model: bool) -> tuple[str | None, int | None]:
    """The model and the `top_k` of a query; no `top_k` at all when the query is not plain."""
    found = dict(wishes)
    model, top_k = found.pop("model", None), found.pop("top_k", str(DEFAULT_TOP_K))
    is_plain = len(wishes) == len(dict(wishes)) and not found and _TOP_K.fullmatch(top_k)
    if not is_plain or (model is not None and not (may_name_model and _MODEL_NAME.fullmatch(model))):
        return None, None
    return model, int(top_k)
