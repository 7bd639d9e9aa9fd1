"""A network on paper: each layer's name, output shape, parameters and FLOPs, before anything is built.

The API answers and refuses requests with it, and the trainer takes the names of its layers from it. All integers are
Python's and exact. This module does not import Keras. `shapes` says how FLOPs are counted.
"""

from collections import Counter
from collections.abc import Sequence
from math import prod

from pydantic import BaseModel, ConfigDict, Field

from worker.architectures.description import Architecture
from worker.architectures.errors import ArchitectureError, Loc
from worker.architectures.grammar import Branches, Dense, Layer, Residual
from worker.architectures.layer_fields import by
from worker.architectures.layer_path import RESIZING_INDEX, LayerPath
from worker.architectures.shapes import Measured, Shape, measure
from worker.artifacts import OUTPUT_TENSOR

MAX_PARAMETERS = 200_000_000
"""Parameters of one network: VGG16 has 138 million. As float32 with Adam's two moments, the limit is 2.4 GB."""
MAX_VALUES = 200_000_000
"""Output values of all layers for one picture, which training keeps: VGG16 has 15 million."""


class LayerRow(BaseModel, defer_build=True):
    """One line of the layer table."""

    model_config = ConfigDict(frozen=True)

    index: str = Field(description="Position in the description: `3`, or `3.branch0.1` inside a composite.")
    name: str = Field(description="Name of the Keras layer.")
    type: str
    output_shape: tuple[int, ...] = Field(description="Of one picture: height, width, channels; or values.")
    parameters: int
    flops: int = Field(description="For one picture in inference; a multiplication and an addition are two.")


class Analysis(BaseModel, defer_build=True):
    """A network's layer table and totals, for one input shape and number of classes."""

    model_config = ConfigDict(frozen=True)

    input_shape: tuple[int, int, int] = Field(description="Height, width, channels of the dataset's pictures.")
    layers: tuple[LayerRow, ...]
    parameters: int = Field(description="All parameters, as Keras counts them.")
    trainable_parameters: int = Field(description="Without the moving averages of batch normalization.")
    flops: int = Field(description="For one picture in inference; a multiplication and an addition are two.")

    @property
    def outputs(self) -> int:
        """How many values all layers put out for one picture."""
        return sum(prod(row.output_shape) for row in self.layers)


def analyse(architecture: Architecture, image_shape: tuple[int, int, int], n_classes: int) -> Analysis:
    """Follow a picture's shape through a network, and count parameters and FLOPs.

    Args:
        architecture: the description.
        image_shape: height, width and channels of the dataset's pictures.
        n_classes: the number that `"classes"` stands for, at least 2.

    Raises:
        ArchitectureError: the description cannot work for these pictures and classes, or is too large.
    """
    _check_question(image_shape, n_classes)
    _check_last(architecture.layers, n_classes)
    ledger = _Ledger(n_classes, last=("layers", len(architecture.layers) - 1))
    shape = _resize(architecture, image_shape, ledger)
    _follow(architecture.layers, ("layers",), shape, ledger)
    return Analysis(
        input_shape=image_shape,
        layers=tuple(ledger.rows),
        parameters=ledger.parameters,
        trainable_parameters=ledger.parameters - ledger.frozen,
        flops=sum(row.flops for row in ledger.rows),
    )


class _Ledger:
    """The counts so far; raises an error as soon as a total is too large."""

    def __init__(self, n_classes: int, last: Loc) -> None:
        self.n_classes = n_classes
        self.rows: list[LayerRow] = []
        self.parameters = 0
        self.frozen = 0
        self._values = 0
        self._last = last
        self._taken: Counter[str] = Counter()

    def enter(self, index: str, layer_type: str, name: str, measured: Measured) -> None:
        self.parameters += measured.parameters
        self.frozen += measured.frozen
        self._values += prod(measured.output_shape)
        self.rows.append(
            LayerRow(
                index=index,
                name=name,
                type=layer_type,
                output_shape=measured.output_shape,
                parameters=measured.parameters,
                flops=measured.flops,
            )
        )

    def enter_at(self, path: LayerPath, measured: Measured, keras_name: str | None = None) -> Shape:
        name = OUTPUT_TENSOR if path.loc == self._last else self.name(keras_name or path.type)
        self.enter(path.index, path.type, name, measured)
        self._check(path, "parameters", self.parameters, MAX_PARAMETERS)
        self._check(path, "output values for each picture", self._values, MAX_VALUES)
        return measured.output_shape

    def name(self, keras_name: str) -> str:
        """The name that Keras would give: `conv2d`, then `conv2d_1`, and so on."""
        self._taken[keras_name] += 1
        n_before = self._taken[keras_name] - 1
        return f"{keras_name}_{n_before}" if n_before else keras_name

    @staticmethod
    def _check(path: LayerPath, what: str, total: int, most: int) -> None:
        if total > most:
            raise path.error(
                wrong=f"the network has too many {what}",
                expected=f"at most {most:,} in all",
                got=f"{total:,} up to this layer",
            )


def _check_question(image_shape: tuple[int, int, int], n_classes: int) -> None:
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ArchitectureError(
            (),
            f"not a picture's shape; expected height, width and channels of at least 1, got {image_shape}",
        )
    if n_classes < 2:
        raise ArchitectureError((), f"too few classes to tell apart; expected at least 2, got {n_classes}")


def _check_last(layers: Sequence[Layer], n_classes: int) -> None:
    last = layers[-1]
    path = LayerPath(("layers", len(layers) - 1), last.type)
    expected = '{"type": "dense", "units": "classes", "activation": "softmax"} at the end'
    if not isinstance(last, Dense):
        raise path.error(wrong="the final layer is missing", expected=expected, got=last.type)
    if last.units not in ("classes", n_classes):
        raise path.error(
            "units",
            wrong="the final layer must have one unit per class",
            expected=f'"classes" or {n_classes}',
            got=str(last.units),
        )
    if last.activation != "softmax":
        raise path.error(
            "activation",
            wrong="the final layer must give probabilities",
            expected='"softmax"',
            got=f'"{last.activation}"' if last.activation else "none",
        )


def _resize(architecture: Architecture, image_shape: tuple[int, int, int], ledger: _Ledger) -> Shape:
    size = architecture.input_size
    if size is None or size == image_shape[:2]:
        return image_shape
    resized = (*size, image_shape[2])
    ledger.enter(RESIZING_INDEX, "resizing", ledger.name("resizing"), Measured(resized))
    return resized


def _follow(layers: Sequence[Layer], loc: Loc, shape: Shape, ledger: _Ledger) -> Shape:
    for position, layer in enumerate(layers):
        path = LayerPath((*loc, position), layer.type)
        match layer:
            case Branches():
                shape = _follow_branches(layer, path, shape, ledger)
            case Residual():
                shape = _follow_residual(layer, path, shape, ledger)
            case _:
                shape = ledger.enter_at(path, measure(layer, shape, ledger.n_classes, path))
    return shape


def _follow_branches(layer: Branches, path: LayerPath, shape: Shape, ledger: _Ledger) -> Shape:
    ends = [
        _follow(branch, (*path.loc, "branches", number), shape, ledger) for number, branch in enumerate(layer.branches)
    ]
    for number, end in enumerate(ends):
        if end[:-1] != ends[0][:-1]:
            raise path.error(
                "branches",
                number,
                wrong=f"branch {number} ends in another height and width than branch 0",
                expected=f"{by(ends[0][:-1]) or 'a vector'} from every branch",
                got=by(end[:-1]) or "a vector",
            )
    joined = (*ends[0][:-1], sum(end[-1] for end in ends))
    return ledger.enter_at(path, Measured(joined), keras_name="concatenate")


def _follow_residual(layer: Residual, path: LayerPath, shape: Shape, ledger: _Ledger) -> Shape:
    end = _follow(layer.layers, (*path.loc, "layers"), shape, ledger)
    start = _follow(layer.shortcut or (), (*path.loc, "shortcut"), shape, ledger)
    if end != start:
        raise path.error(
            wrong="its layers end in another shape than what they are added to",
            expected=f"{by(start)} (a shortcut can change that)",
            got=by(end),
        )
    return ledger.enter_at(path, Measured(end, flops=prod(end)), keras_name="add")
