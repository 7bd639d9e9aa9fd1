"""JSON of other protocols at `POST /predict` and `/invocations`: told apart by the key that each protocol has.

The body of our own route has `images`; another key says which client wrote it, and the client gets its own answer.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from service.errors import CallRejected
from service.models.index import Reference
from service.predict.uploads import ForeignDocument
from service.protocols.hub_calls import hub_answer, read_hub_call
from service.protocols.instances import answer_instances
from service.protocols.label_studio_routes import answer_tasks
from service.protocols.posted import Document
from service.protocols.served_model import reference_of
from service.state import ServiceState

Answer = Callable[[ServiceState, Reference, Document], Awaitable[Response]]


async def answer_document(state: ServiceState, reference: Reference, document: Document) -> Response:
    """Answer in the words of the protocol that the document is of.

    Raises:
        CallRejected: no protocol has such a document, or the document is at fault.
        Exception: whatever predicting raises.
    """
    for key, answer in ANSWERS.items():
        if key in document.fields:
            return await answer(state, reference, document)
    expected = ", ".join(map(repr, ANSWERS))
    raise CallRejected(f"the JSON has no pictures; expected an object with one of {expected}")


async def answer_foreign(request: Request, error: Exception) -> Response:
    """The answer to another protocol's document that was sent to one of our own predict routes."""
    assert isinstance(error, ForeignDocument)
    state: ServiceState = request.app.state.service
    return await answer_document(state, _reference(request), Document(error.fields, error.n_bytes))


async def _answer_inputs(state: ServiceState, reference: Reference, document: Document) -> Response:
    picture, top_k = read_hub_call(document.fields, state.settings.max_picture_bytes)
    return await hub_answer(state, reference, picture, top_k)


def _reference(request: Request) -> Reference:
    path = request.path_params
    if "name" in path:
        version = path.get("version")
        return Reference(path["name"], None if version is None else int(version), path.get("alias"))
    return reference_of(request.query_params.get("model"))


ANSWERS: dict[str, Answer] = {"inputs": _answer_inputs, "instances": answer_instances, "tasks": answer_tasks}
"""By the key that tells a protocol: Hugging Face's inference API, Vertex AI's containers, Label Studio."""
