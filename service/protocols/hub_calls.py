"""Image classification as clients of Hugging Face's inference API ask for it: their JSON, and what they are answered.

`huggingface_hub.InferenceClient(model=URL).image_classification` sends the bytes of a picture, or JSON when it has
parameters.
"""

import json

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from service.errors import CallRejected
from service.models.index import Reference
from service.predict.uploads import Upload
from service.predict.urls import DEFAULT_TOP_K
from service.protocols.calls import answer_json
from service.protocols.fields import JsonObject
from service.state import ServiceState
from service.web.base64_text import BASE64_EXPECTED, decode_base64
from worker.pictures.pixels import PictureTooLarge

SOFTMAX = "softmax"
"""The function that turns a network's outputs into probabilities here; published networks end with it."""


class HubParameters(BaseModel, defer_build=True):
    """Parameters of an image classification."""

    model_config = ConfigDict(extra="ignore")

    top_k: int | None = Field(default=None, ge=1, description="How many classes to name; default 5.")
    function_to_apply: str | None = Field(
        default=None, description="Only `softmax`, which is what all networks here end with.", examples=[SOFTMAX]
    )


class HubCall(BaseModel, defer_build=True):
    """A picture as `huggingface_hub` sends it when there are parameters."""

    model_config = ConfigDict(extra="ignore")

    inputs: str = Field(description="The picture file in base64.", examples=["iVBORw0KGgoAAAANSUhEUg…"])
    parameters: HubParameters | None = None


class HubLabel(BaseModel, defer_build=True):
    """A class and how probable it is."""

    label: str = Field(examples=["Ankle boot"])
    score: float = Field(description="From 0 to 1, not rounded.", examples=[0.9731])


def read_hub_call(document: JsonObject, max_picture_bytes: int) -> tuple[Upload, int]:
    """The picture, and how many classes to name.

    Raises:
        CallRejected: the JSON has another shape, or asks for another function than `softmax`.
        PictureTooLarge: the file has more than `max_picture_bytes`.
    """
    try:
        call = HubCall.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise CallRejected(f"{where}: {fault['msg']}") from None
    parameters = call.parameters or HubParameters()
    if parameters.function_to_apply not in {None, SOFTMAX}:
        raise CallRejected("parameters.function_to_apply cannot be applied; expected 'softmax' or nothing")
    try:
        data = decode_base64(call.inputs)
    except ValueError:
        raise CallRejected(f"inputs does not hold a picture; {BASE64_EXPECTED}") from None
    if len(data) > max_picture_bytes:
        raise PictureTooLarge(f"the picture file is too large; expected at most {max_picture_bytes} bytes, got more")
    return Upload(None, data), parameters.top_k or DEFAULT_TOP_K


async def hub_answer(
    state: ServiceState, reference: Reference, picture: Upload, top_k: int = DEFAULT_TOP_K
) -> Response:
    """The most probable classes of one picture, best first, each a `HubLabel`; their probabilities are not rounded.

    Args:
        state: of this process.
        reference: the version to ask.
        picture: to classify.
        top_k: how many classes to name.

    Raises:
        Exception: whatever `Predictor.classify` raises.
    """
    answer = json.loads(await state.predictor.classify(reference, [picture], top_k))
    (found,) = answer["predictions"]
    labels = [{"label": line["label"], "score": line["probability"]} for line in found["top_k"]]
    return answer_json(labels, f"{answer['model']}/{answer['version']}")
