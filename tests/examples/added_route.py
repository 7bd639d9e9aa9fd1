"""A route of a noun that exists: the labels of a model's latest version."""

from fastapi import APIRouter
from pydantic import BaseModel

from model_store import ModelNotFound, StoreUnavailable
from service.deps import IndexDep, ModelName
from service.models.index import Reference
from service.web.problem_docs import problem_responses


class Labels(BaseModel):
    """The labels of a version, in the order of the network's outputs."""

    labels: list[str]


router = APIRouter(prefix="/models", tags=["models"])


@router.get("/{name}/labels", summary="Labels of a model", responses=problem_responses(ModelNotFound, StoreUnavailable))
async def get_labels(name: ModelName, index: IndexDep) -> Labels:
    """The labels that the latest version of a model tells apart."""
    return Labels(labels=list(index.resolve(Reference(name)).classes))
