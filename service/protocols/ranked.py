"""Ranked classes of pictures as Python values, for protocols that name them in their own words."""

import json
from collections.abc import Sequence
from typing import Any

from service.errors import CallRejected
from service.models.index import Reference
from service.predict.uploads import Upload
from service.state import ServiceState


async def ranked_pictures(
    state: ServiceState, reference: Reference, uploads: Sequence[Upload], top_k: int
) -> list[dict[str, Any]]:
    """The answer of `POST /predict` for each picture; its probabilities are not rounded.

    Args:
        state: of this process.
        reference: the version to ask.
        uploads: at least one.
        top_k: how many classes to name.

    Raises:
        CallRejected: one picture of several cannot be read; these protocols have no answer for a part of a request.
        Exception: whatever `Predictor.classify` raises.
    """
    found: list[dict[str, Any]] = json.loads(await state.predictor.classify(reference, uploads, top_k))["predictions"]
    for position, picture in enumerate(found):
        if "error" in picture:
            raise CallRejected(f"picture {position} cannot be classified: {picture['error']['message']}")
    return found
