"""Explains one answer: chooses the method, asks the network, and arranges the answer as JSON or as a picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.inference.network import Network
from service.inside.answers import Explanation
from service.inside.drawing.canvas import TIMES
from service.inside.drawing.overlay import draw_explanation, nearest
from service.inside.grad_cam import grad_cam, layer_to_explain, tail_session
from service.inside.numbers import rounded, rounded_one
from service.inside.occlusion import (
    EMPTY_BELOW,
    MOST_PLACES,
    Patch,
    occlusion,
    per_pixel,
    usual_side,
    usual_stride,
)
from service.inside.options import ExplainOptions, refused
from service.inside.sessions import InsideSessions
from worker.inside.record import NetworkRecord, Tails
from worker.pictures.pixels import to_unit_range

LONGEST_OCCLUSION_S = 0.3
"""Where occlusion is expected to take longer, Grad-CAM is the default."""


@dataclass(frozen=True)
class Question:
    """What is to be explained.

    Attributes:
        manifest: the version.
        network: in memory, for predictions.
        pixels: uint8, shape (height, width, channels): what the network gets.
        options: how.
        record: of the network's layers, if it is there.
        tails: of the network, if they are there.
    """

    manifest: Manifest
    network: Network
    pixels: NDArray[np.uint8]
    options: ExplainOptions
    record: NetworkRecord | None
    tails: Tails | None

    @property
    def image(self) -> NDArray[np.float32]:
        """float32, shape (height, width, channels), values in [0, 1]."""
        return to_unit_range(self.pixels)


@dataclass(frozen=True)
class Explained:
    """An explanation, and where its evidence is in the picture: shape (height, width)."""

    answer: Explanation
    evidence: NDArray[np.float64]


def patch_of(question: Question) -> Patch:
    """The patch that is asked for, or the usual one.

    Raises:
        RequestValidationError: it does not fit into the picture, has too many places, or another number of channels.
    """
    options, (height, width, n_channels) = question.options, question.manifest.input_shape
    stride = options.stride or usual_stride(height, width)
    side = options.patch or usual_side(height, width, stride)
    if side > min(height, width):
        raise refused("patch", f"the patch does not fit; expected at most {min(height, width)}, got {side}")
    fill = options.fill or list(question.record.training_mean if question.record else ())
    fill = fill * n_channels if len(fill) == 1 else fill
    if len(fill) != n_channels:
        raise refused("fill", f"expected one value, or one for each of {n_channels} channels, got {len(fill)}")
    patch = Patch(side, stride, tuple(fill))
    rows, columns = patch.grid(height, width)
    if rows * columns > MOST_PLACES:
        expected = f"expected at most {MOST_PLACES:,}, which a larger stride gives, got {rows * columns:,}"
        raise refused("stride", f"the patch has too many places; {expected}")
    return patch


def class_of(question: Question, probabilities: NDArray[np.float32]) -> int:
    """The class to explain. Raises `RequestValidationError` if the version has no such class."""
    label, classes = question.options.label, question.manifest.classes
    if label is None:
        return int(probabilities.argmax())
    if label not in classes:
        known = ", ".join(map(repr, classes[:20])) + (" and more" if len(classes) > 20 else "")
        raise refused("label", f"no class of this version; expected one of {known}, got {label!r}")
    return classes.index(label)


def explain(question: Question, sessions: InsideSessions) -> Explained:
    """Explain; to be called in the thread of the sessions.

    Raises:
        RequestValidationError: the options do not fit the version.
        LayerNotFound: Grad-CAM cannot look at the layer.
        NotRecorded: the version has no tails.
        ArtifactCorrupt: the network does not run.
    """
    probabilities = question.network.answer(question.image[np.newaxis])[0]
    class_index = class_of(question, probabilities)
    if _method(question) == "gradcam":
        return _by_grad_cam(question, sessions, class_index, probabilities)
    return _by_occlusion(question, class_index, probabilities)


def _method(question: Question) -> str:
    options, record = question.options, question.record
    if options.method is not None:
        return options.method
    if options.layer is not None:
        return "gradcam"
    height, width, _ = question.manifest.input_shape
    rows, columns = patch_of(question).grid(height, width)
    is_slow = question.network.expected_s(rows * columns) > LONGEST_OCCLUSION_S
    return "gradcam" if is_slow and record is not None and record.explainable else "occlusion"


def _by_occlusion(question: Question, class_index: int, probabilities: NDArray[np.float32]) -> Explained:
    patch, probability = patch_of(question), float(probabilities[class_index])
    grid = occlusion(question.network.answer, question.image, class_index, probability, patch)
    answer = Explanation(
        model=question.manifest.model,
        version=question.manifest.version,
        label=question.manifest.classes[class_index],
        probability=rounded_one(probability),
        method="occlusion",
        layer=None,
        grid=rounded(grid).tolist(),
        empty=not bool((grid >= EMPTY_BELOW).any()),
        patch=patch.side,
        stride=patch.stride,
        fill=list(patch.fill),
    )
    return Explained(answer, per_pixel(grid, patch, *question.pixels.shape[:2]))


def _by_grad_cam(
    question: Question, sessions: InsideSessions, class_index: int, probabilities: NDArray[np.float32]
) -> Explained:
    manifest, record = question.manifest, question.record
    if record is None or question.tails is None:
        raise ValueError("Grad-CAM needs the record of the version")
    layer = layer_to_explain(record, question.options.layer)
    session = tail_session(sessions, manifest, layer, question.tails)
    is_exact = layer.name in question.tails.exact
    grid = grad_cam(session, record, layer, question.image[np.newaxis], class_index, is_exact=is_exact)
    answer = Explanation(
        model=manifest.model,
        version=manifest.version,
        label=manifest.classes[class_index],
        probability=rounded_one(float(probabilities[class_index])),
        method="gradcam",
        layer=layer.name,
        grid=rounded(grid).tolist(),
        empty=not bool(grid.any()),
    )
    return Explained(answer, nearest(grid, *question.pixels.shape[:2]))


def drawn(explained: Explained, pixels: NDArray[np.uint8]) -> bytes:
    """The explanation over the picture, as PNG."""
    answer = explained.answer
    if answer.method == "occlusion":
        size = f"{answer.patch} {TIMES} {answer.patch}"
        note = f"Occlusion: covering {size} pixels lowers the probability where it is orange, and raises it where blue"
        unit = "drop of the probability"
    else:
        note = f"Grad-CAM at the layer {answer.layer}: orange is where it speaks for the class"
        unit = f"slope {TIMES} map"
    title = f"{answer.label} {answer.probability:.1%}"
    return draw_explanation(pixels, explained.evidence, title, note, unit, is_empty=answer.empty)
