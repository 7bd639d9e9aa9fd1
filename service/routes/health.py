"""Routes that report the health of this process: whether it is alive, and whether it is ready to answer."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from service.deps import StateDep
from service.predict.readiness import Ability
from service.state import ServiceState


class Alive(BaseModel, defer_build=True):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class DamagedVersion(BaseModel, defer_build=True):
    """A version that is not served because its files differ from what was published."""

    model: str
    version: int
    file: str


class Readiness(BaseModel, defer_build=True):
    """Whether this process can answer, and which parts of it work."""

    status: Literal["ready", "degraded", "unavailable"] = Field(
        description="`degraded`: the model store does not answer, and the models in memory do. Only with the setting "
        "CONVSERVE_READY_WITHOUT_STORE."
    )
    store: Literal["ok", "unavailable"] = Field(
        description="The model store; without it the service is not ready, unless CONVSERVE_READY_WITHOUT_STORE is set."
    )
    queue: Literal["ok", "unavailable"] = Field(
        description="Redis; without it pictures are still classified and only the job routes answer 503."
    )
    models: int = Field(description="Number of models that can answer.")
    damaged: list[DamagedVersion] = Field(description="Versions taken out of service.")


router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """200 as long as the process answers at all."""
    return Alive()


@router.get(
    "/readyz",
    summary="Is the service ready?",
    responses={503: {"model": Readiness, "description": "The model store does not answer."}},
)
async def readyz(state: StateDep, response: Response) -> Readiness:
    """200 when pictures can be classified; 503 with the same body when the model store does not answer.

    With CONVSERVE_READY_WITHOUT_STORE, a process that has models in memory then is `degraded`, and 200.
    """
    ability, has_queue = await asyncio.gather(state.ability(), state.queue.heartbeat.works())
    if not ability.is_ready:
        response.status_code = 503
    return _readiness(state, ability, has_queue=has_queue)


def _readiness(state: ServiceState, ability: Ability, *, has_queue: bool) -> Readiness:
    index = state.catalog.known if ability.has_store else None
    damages = sorted(index.damaged(), key=lambda damage: (damage.model, damage.version)) if index else []
    return Readiness(
        status="ready" if ability.has_store else "degraded" if ability.is_ready else "unavailable",
        store="ok" if ability.has_store else "unavailable",
        queue="ok" if has_queue else "unavailable",
        models=len(index.models) if index else ability.models,
        damaged=[DamagedVersion(model=d.model, version=d.version, file=d.file) for d in damages],
    )
