"""A Keras file as a description in the grammar and a file of numbers. Nothing of the file is executed."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from worker.architectures.analysis import analyse
from worker.architectures.description import Architecture
from worker.architectures.errors import ArchitectureError
from worker.imports.config_file import read_config
from worker.imports.errors import ImportRefused, short
from worker.imports.finishing import Reader, expects, finished, merged, scaling_of
from worker.imports.keras_layers import RESIZING
from worker.imports.layer_graph import Graph, read_graph
from worker.imports.limits import MAX_SIDE
from worker.imports.nesting import Nesting
from worker.imports.options import ImportedModel
from worker.imports.pixel_layers import preprocessing
from worker.imports.resizing import size_of
from worker.imports.result import NUMBERS_FILE, LayerNumbers, Transcoded
from worker.imports.steps import described, with_weights
from worker.imports.weights import NumbersFile, Weights

CHANNELS = (1, 3)


def transcode(path: Path, imported: ImportedModel, folder: Path) -> Transcoded:
    """Read a Keras file.

    Args:
        path: of the file.
        imported: what the client said about it.
        folder: receives `weights.h5` and the file of numbers, `numbers.bin`.

    Raises:
        ImportRefused: it cannot be described.
    """
    graph = read_graph(read_config(path, folder / "weights.h5"))
    with (folder / NUMBERS_FILE).open("xb") as file:
        return _described(graph, imported, Weights(folder / "weights.h5", NumbersFile(file)), folder / NUMBERS_FILE)


def _described(graph: Graph, imported: ImportedModel, weights: Weights, numbers: Path) -> Transcoded:
    shape = _picture_shape(graph, imported)
    nesting = Nesting(graph, weights)
    steps, end_shape = nesting.describe(shape)
    read, end = Reader(str(numbers)), graph.nodes[graph.output]
    weights.numbers.flush()
    steps, n_classes, remarks = finished(steps, end, end_shape, imported.outputs, weights.numbers, read)
    is_chosen = imported.preprocessing != "auto"
    chosen = imported.preprocessing if is_chosen else expects(steps, read)
    scaled = preprocessing(graph.nodes[0], scaling_of(chosen), shape, weights.numbers)
    steps = merged(scaled, steps, graph.nodes[0])
    weights.numbers.flush()
    name = chosen if isinstance(chosen, str) else "own"
    architecture = _architecture(described(steps), nesting.input_size, shape, n_classes)
    return Transcoded(
        architecture=architecture,
        input_shape=shape,
        n_classes=n_classes,
        numbers={
            index: LayerNumbers(
                offsets=tuple(stored.offset for stored in arrays), shapes=tuple(stored.shape for stored in arrays)
            )
            for index, arrays in with_weights(steps)
        },
        preprocessing=name,
        remarks=remarks,
    )


def _picture_shape(graph: Graph, imported: ImportedModel) -> tuple[int, int, int]:
    """Height, width and channels of the pictures that the model takes."""
    height, width, channels = graph.nodes[0].input_shape or (None, None, None)
    if channels not in CHANNELS or isinstance(channels, bool):
        raise ImportRefused(f"The model's pictures have {short(channels)} channels; expected 1 or 3, which are last.")
    if height is None or width is None:
        resizing = next((node for node in graph.nodes if node.kind == RESIZING), None)
        size = imported.image_size or (size_of(resizing) if resizing else None)
        if size is None:
            raise ImportRefused(
                "The model takes pictures of any size; expected one size.", "Name it: image_size=224, or 48x64."
            )
        height, width = size
    sides = (height, width)
    if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides):
        raise ImportRefused(f"The model's pictures are too large; expected sides of 1 to {MAX_SIDE}, got {sides}.")
    if imported.image_size not in (None, sides):
        raise ImportRefused(f"The model takes pictures of {height} x {width}, not of image_size.")
    return height, width, channels


def _architecture(
    layers: list[Any], input_size: tuple[int, int] | None, shape: tuple[int, int, int], n_classes: int
) -> Architecture:
    try:
        found = Architecture.model_validate({"input_size": input_size, "layers": layers})
        analyse(found, shape, n_classes)
    except ValidationError as error:
        raise ImportRefused(f"The model cannot be described: {error.errors()[0]['msg']}.") from error
    except ArchitectureError as error:
        raise ImportRefused(f"The model cannot be described: {error}.") from error
    return found
