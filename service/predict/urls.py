"""Which requests predict, told from their method and path before any route is looked for."""

import re

from starlette.types import Scope

STREAMED = re.compile(r"(/models/.+)?/predict|/v[12](/.*)?", re.DOTALL)
"""Paths whose routes read the request body themselves; every other body is JSON of modest size."""
ARCHIVES = re.compile(r"/datasets")
"""Likewise, for bodies of gigabytes."""
_PREDICTING = re.compile(
    r"(/models/[^/]+(/(versions|aliases)/[^/]+)?)?/predict"
    r"|/v2/models/[^/]+(/versions/[^/]+)?/infer"
    r"|/v1/models/.+:(predict|classify|regress)"
)


def is_prediction(scope: Scope) -> bool:
    """Whether the request asks a model something, in any of the protocols."""
    return scope["method"] == "POST" and _PREDICTING.fullmatch(scope["path"]) is not None
