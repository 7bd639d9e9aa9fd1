"""A protocol like TorchServe's: `POST /predictions/{model}` with a picture answers every class with its probability."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.deps import StateDep
from service.models.index import Reference
from service.protocols.calls import answer_json, probabilities_of, read_call

router = APIRouter(include_in_schema=False)


@router.post("/predictions/{model}")
async def torch_predictions(request: Request, state: StateDep, model: str) -> Response:
    """Every class with its probability, for one picture file."""
    manifest = await state.predictor.serving(Reference(model))
    pictures = await read_call(request, state, lambda body: [body])
    (row,) = await probabilities_of(state, manifest, pictures)
    return answer_json(dict(zip(manifest.classes, row.tolist(), strict=True)))
