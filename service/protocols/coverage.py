"""Sets of classes with a promised coverage, for clients of the public protocols.

`/v2` takes `coverage` among the parameters of a request, and answers with one more tensor. `/v1` takes it in the query,
because TensorFlow Serving's bodies have no place for options. Other protocols have no grammar for it.
"""

import numpy as np
from numpy.typing import NDArray

from service.errors import CallRejected
from worker.trust.conformal import members_of_sets

COVERAGE = "coverage"
SET = "set"
"""Name of the output with the sets."""


def read_coverage(value: object) -> float | None:
    """The share of sets that are to contain the right class; None if it is not asked for.

    Raises:
        CallRejected: it is not a share.
    """
    if value is None:
        return None
    if not isinstance(value, float) or not 0 < value < 1:
        raise CallRejected(f"{COVERAGE} is out of range; expected a number between 0 and 1, got {str(value)[:40]}")
    return value


def queried_coverage(text: str | None) -> float | None:
    """The coverage that a query asks for. Raises `CallRejected` if it is not a share."""
    try:
        return None if text is None else read_coverage(float(text))
    except ValueError:
        raise CallRejected(f"{COVERAGE} is not a number; expected one between 0 and 1, got {text!r:.40}") from None


def sets_of(probabilities: NDArray[np.float32], least: float | None) -> NDArray[np.bool_] | None:
    """Which classes are in each picture's set, shape (n, n_classes); None if no sets are asked for."""
    return None if least is None else members_of_sets(probabilities, least)
