"""Loads the newest version and the pinned models before the process says that it is ready."""

import asyncio
import logging

from service.models.index import Reference
from service.state import ServiceState
from service.web.verdicts import VERDICTS

logger = logging.getLogger(__name__)

LIMIT_S = 30.0
"""After this time the process is ready anyway, and loading goes on."""


async def warm_up(state: ServiceState) -> None:
    """Load them. A version that cannot be loaded is logged and does not prevent the start."""
    pinned = [_reference(name) for name in state.settings.pinned_names()]
    loading = [asyncio.create_task(_load(state, reference)) for reference in [*pinned, Reference()]]
    await asyncio.wait(loading, timeout=LIMIT_S)


def _reference(name: str) -> Reference:
    model, _, version = name.partition("/")
    return Reference(model, version=int(version)) if version.isdecimal() else Reference(model)


async def _load(state: ServiceState, reference: Reference) -> None:
    try:
        await state.predictor.serving(reference)
    except tuple(VERDICTS) as error:
        if reference.model is not None:
            logger.warning("the pinned model %s is not loaded: %s", reference.model, error)
