"""The route that tells callers who they are, what they may do, and how much of it they have used."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from model_store import StoreUnavailable
from service.deps import CallerDep, UsageDep
from service.keys.callers import KeyScope
from service.quotas.usage import Used
from service.web.problem_docs import problem_responses

router = APIRouter(tags=["keys"])


class Limits(BaseModel, defer_build=True):
    """What a key allows its owner; null: as much as the server can do."""

    jobs: float | None = Field(default=None, description="Jobs that wait or run.")
    waiting_s: float | None = Field(default=None, description="Seconds that a worker will need for jobs that wait.")
    dataset_bytes: float | None = Field(default=None, description="Bytes of uploaded datasets.")
    model_bytes: float | None = Field(default=None, description="Bytes of published versions.")
    predict_per_s: float | None = Field(
        default=None, description="Predictions, looks inside at a picture and convolutions per second and API process."
    )


class Me(BaseModel, defer_build=True):
    """The caller of a request."""

    name: str = Field(description="Owner of what is made with the key; `local` where no keys are needed.")
    scopes: list[KeyScope] = Field(description="What the key may do, the narrowest first.")
    limits: Limits
    used: Used


@router.get("/me", summary="Who am I?", responses=problem_responses(StoreUnavailable))
async def get_me(caller: CallerDep, usage: UsageDep) -> Me:
    """Name and scopes of the key, what it allows, and what its owner uses.

    `POST /jobs` beyond a limit is answered 429 and `POST /datasets` 403, both with `limit`, `used` and `retry_after_s`.
    """
    return Me(
        name=caller.name,
        scopes=caller.scopes,
        limits=Limits.model_validate(dict(caller.limits)),
        used=await usage.of(caller.name),
    )
