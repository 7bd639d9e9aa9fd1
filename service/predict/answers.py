"""The answer to a prediction: its shape, `Prediction`, and the functions that write it as JSON by hand.

Everything except the numbers and the file names is the same for every answer of a version, and is prepared once.
Measured for one picture and five classes: 9 µs, and 21 µs through pydantic's models, before FastAPI validates them
again.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from service.trust.wishes import Limits
from worker.trust.conformal import classes_of_sets

CLASSES_CACHED = 256
SORTED_AS_A_LIST = 32
"""Python sorts this many numbers in less time than numpy needs to start."""


class ClassProbability(BaseModel, defer_build=True):
    """One class and how probable it is."""

    label: str = Field(examples=["Ankle boot"])
    class_index: int = Field(description="Position of the class in the model's `classes`.", examples=[9])
    probability: float = Field(description="From 0 to 1, not rounded.", examples=[0.9731])


def _is_missing(value: object) -> bool:
    """Answers do not have the fields that were not asked for."""
    return value is None


class PictureAnswer(BaseModel, defer_build=True):
    """What one picture shows."""

    label: str | None = Field(description="Null only when the answer is `not_sure`.", examples=["Ankle boot"])
    class_index: int | None = Field(description="Position of the class in the model's `classes`.", examples=[9])
    probability: float = Field(description="Of the most probable class, from 0 to 1, not rounded.", examples=[0.9731])

    filename: str | None = Field(description="As it was sent; null for a raw body.", examples=["boot.png"])
    top_k: list[ClassProbability] = Field(description="The most probable classes, best first.")
    set: list[str] | None = Field(
        default=None,
        exclude_if=_is_missing,
        description="Only with `coverage`: the labels that are needed to contain the right one that often, the most "
        "probable first.",
        examples=[["Ankle boot", "Sneaker"]],
    )
    unusual: Literal[True] | None = Field(
        default=None,
        exclude_if=_is_missing,
        description="Only when it is true: the picture is unlike the training pictures, as noise, text and other "
        "subjects are. So are 1 % of ordinary pictures.",
    )
    not_sure: bool | None = Field(
        default=None,
        exclude_if=_is_missing,
        description="Only with `not_sure_below`: whether the probability is lower; `label` is null then.",
    )


class PictureFault(BaseModel, defer_build=True):
    """Why one picture of several has no answer."""

    code: str = Field(examples=["picture_invalid"])
    message: str


class PictureFailure(BaseModel, defer_build=True):
    """A picture of several that could not be read; the others have their answers."""

    filename: str | None
    error: PictureFault


class Prediction(BaseModel, defer_build=True):
    """Answers in the order in which the pictures came."""

    model: str = Field(examples=["fashion_mnist-lenet5-fashion"])
    version: int = Field(description="The very version that answered.", examples=[1])
    predictions: list[PictureAnswer | PictureFailure]


@lru_cache(CLASSES_CACHED)
def _beginnings(classes: tuple[str, ...]) -> list[str]:
    """The text before each class's probability."""
    return [
        f'"label":{json.dumps(label, ensure_ascii=False)},"class_index":{index},"probability":'
        for index, label in enumerate(classes)
    ]


def picture_answers(
    filenames: Sequence[str | None],
    probabilities: NDArray[np.float32],
    classes: tuple[str, ...],
    top_k: int,
    limits: Limits | None = None,
    unusual: NDArray[np.bool_] | None = None,
) -> list[str]:
    """One JSON object per picture; two equally probable classes stay in the order of the columns.

    Args:
        filenames: as the client gave them.
        probabilities: float32, shape (n, n_classes), finite.
        classes: labels in the order of the columns.
        top_k: how many classes to name, at least 1; all of them when there are fewer.
        limits: for answers that say how far they can be trusted.
        unusual: shape (n,), which pictures are unlike the training pictures; None when none is.
    """
    beginnings = _beginnings(classes)
    rows: list[list[float]] = probabilities.tolist()
    if len(classes) <= SORTED_AS_A_LIST:
        best = [sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top_k] for row in rows]
    else:
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k].tolist()
    answers = [
        _picture_answer(filename, [f"{beginnings[index]}{row[index]!r}" for index in order])
        for filename, row, order in zip(filenames, rows, best, strict=True)
    ]
    if unusual is not None:
        answers = [
            f'{answer[:-1]},"unusual":true}}' if is_unusual else answer
            for answer, is_unusual in zip(answers, unusual.tolist(), strict=True)
        ]
    return answers if limits is None else with_trust(answers, probabilities, classes, limits)


def with_trust(
    answers: Sequence[str],
    probabilities: NDArray[np.float32],
    classes: tuple[str, ...],
    limits: Limits,
) -> list[str]:
    """The answers with what the limits say about each; an answer that is not sure has no label."""
    found: list[dict[str, Any]] = [json.loads(answer) for answer in answers]
    if limits.least_tail is not None:
        for answer, chosen in zip(found, classes_of_sets(probabilities, limits.least_tail), strict=True):
            answer["set"] = [classes[index] for index in chosen]
    if limits.least_probability is not None:
        for answer in found:
            answer["not_sure"] = answer["probability"] < limits.least_probability
            if answer["not_sure"]:
                answer |= {"label": None, "class_index": None}
    return [json.dumps(answer, ensure_ascii=False, separators=(",", ":")) for answer in found]


def picture_failure(filename: str | None, code: str, message: str) -> str:
    """The JSON object of a picture that could not be read."""
    return json.dumps({"filename": filename, "error": {"code": code, "message": message}}, ensure_ascii=False)


def whole_answer(model: str, version: int, pictures: Sequence[str]) -> bytes:
    """The JSON of the whole answer, from the objects of its pictures."""
    return f'{{"model":"{model}","version":{version},"predictions":[{",".join(pictures)}]}}'.encode()


def _picture_answer(filename: str | None, classes: list[str]) -> str:
    shown = "null" if filename is None else encode_basestring(filename)
    named = "},{".join(classes)
    return f'{{"filename":{shown},{classes[0]},"top_k":[{{{named}}}]}}'
