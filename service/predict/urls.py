"""The addresses at which a model is asked, and the default of `top_k`: the one place that knows both.

The routes, the fast lane, the admission of predictions and the body guard all take their addresses from here.
"""

import re
from collections.abc import Mapping

from starlette.types import Scope

from model_store.names import ALIAS_PATTERN, MODEL_PATTERN, NUMBER_PATTERN

DEFAULT_TOP_K = 5
"""Classes named for each picture when the query has no `top_k`."""

PREDICT = "/predict"
PREDICT_LATEST = "/models/{name}/predict"
PREDICT_VERSION = "/models/{name}/versions/{version}/predict"
PREDICT_ALIAS = "/models/{name}/aliases/{alias}/predict"
PREDICT_ROUTES = (PREDICT, PREDICT_LATEST, PREDICT_VERSION, PREDICT_ALIAS)

CONVOLVE = "/convolve"
"""Asks no model, but takes pictures like a prediction, and is admitted like one."""

_BELOW = ("versions/{version}", "aliases/{alias}")
MAPS, EXPLAIN, WHAT_IF = "/maps", "/explain", "/what-if"
LOOKS = tuple(f"/models/{{name}}/{version}{look}" for look in (MAPS, EXPLAIN, WHAT_IF) for version in _BELOW)
"""Looks inside a network at a picture: they take pictures like predictions, and are admitted like them."""

FEEDBACK_ROUTES = ("/models/{name}/feedback", *(f"/models/{{name}}/{at}/feedback" for at in _BELOW))
"""Where pictures come back with their right labels: the version is asked again, and so they are admitted."""

AGENTS = "/mcp"
"""Where the Model Context Protocol is spoken."""

INFER_PREFIX = "/v2"
INFER_LATEST = "/models/{model}/infer"
INFER_VERSION = "/models/{model}/versions/{version}/infer"
INFER_ROUTES = (INFER_PREFIX + INFER_LATEST, INFER_PREFIX + INFER_VERSION)

SERVING_MODEL = "/v1/models/{model}"
SERVING_PREDICT, SERVING_CLASSIFY, SERVING_REGRESS = SERVING_VERBS = (":predict", ":classify", ":regress")
"""What follows a model, a version or a label in TensorFlow Serving's API."""

HUB_ROOT = "/"
HUB_LATEST = "/models/{name}"
HUB_VERSION = "/models/{name}/versions/{version}"
HUB_ALIAS = "/models/{name}@{alias}"
PING = "/ping"
INVOCATIONS = "/invocations"
VERTEX_HEALTH = "/vertex/health"
VERTEX_PREDICT = "/vertex/predict"
POSTED_ROUTES = (HUB_ROOT, HUB_LATEST, HUB_VERSION, HUB_ALIAS, INVOCATIONS, VERTEX_PREDICT)
"""Addresses where `POST` asks a model, as clients of clouds and hubs do; other methods mean something else there."""

ARCHIVES = re.compile(
    r"/datasets(/[^/]+/pictures)?|/uploads/[^/]+|/models/[^/]+/(?:versions|aliases)/[^/]+/predictions"
)
"""Paths whose routes read bodies of gigabytes themselves."""
IMPORTS = re.compile(r"/models")
"""Where `POST` brings a model that was trained elsewhere."""
LONG_BODIES = re.compile(rf"{ARCHIVES.pattern}|{IMPORTS.pattern}")
"""Paths whose bodies may take long to arrive."""


def route_pattern(template: str, fields: Mapping[str, str] | None = None) -> str:
    """A regular expression for the paths of a route.

    Args:
        template: such as `/models/{name}/predict`.
        fields: what each field of the template may be, anchored or not; any text without a slash for a field that is
            missing here.

    Returns:
        A pattern for `fullmatch`, with one named group for each field.
    """

    def group(field: re.Match[str]) -> str:
        pattern = (fields or {}).get(field[1], "[^/]+")
        return f"(?P<{field[1]}>{pattern.removeprefix('^').removesuffix('$')})"

    return re.sub(r"{(\w+)}", group, template)


FIELD_PATTERNS = {
    "name": MODEL_PATTERN,
    "model": MODEL_PATTERN,
    "version": NUMBER_PATTERN,
    "alias": ALIAS_PATTERN,
}
"""What the fields of a predict route may be; the routes answer anything else with an error."""


def _any_of(templates: tuple[str, ...]) -> str:
    return "|".join(re.sub(r"\?P<\w+>", "?:", route_pattern(template)) for template in templates)


STREAMED = re.compile(
    rf"{_any_of((*PREDICT_ROUTES, CONVOLVE, *LOOKS, *FEEDBACK_ROUTES, AGENTS))}|/v[12](?:/.*)?", re.DOTALL
)
"""Paths whose routes read the request body themselves; every other body is JSON of modest size."""
POSTED = re.compile(_any_of(POSTED_ROUTES))
"""Paths whose routes read the bodies of POST requests themselves."""
_PREDICTING = re.compile(
    rf"{_any_of((*PREDICT_ROUTES, *INFER_ROUTES, CONVOLVE, *LOOKS, *FEEDBACK_ROUTES))}|"
    rf"{SERVING_MODEL.format(model='.+')}(?:{'|'.join(SERVING_VERBS)})"
)


def is_prediction(scope: Scope) -> bool:
    """Whether the request brings pictures for a model or a kernel, in any of the protocols."""
    method, path = scope["method"], scope["path"]
    if method == "POST" and POSTED.fullmatch(path) is not None:
        return True
    return method in {"POST", "PUT"} and _PREDICTING.fullmatch(path) is not None
