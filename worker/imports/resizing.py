"""Reads Keras's Resizing: only the form that networks of this program have, bilinear and without cropping."""

from worker.imports.arguments import Arguments
from worker.imports.layer_graph import Node
from worker.imports.limits import MAX_SIDE
from worker.imports.steps import refused


def size_of(node: Node) -> tuple[int, int]:
    """Height and width that pictures are resized to. Raises `ImportRefused` for any other resizing."""
    arguments = Arguments(node, "height", "width", "interpolation")
    if arguments.get("interpolation", "bilinear") != "bilinear":
        raise refused(node, 'its interpolation cannot be imported; expected "bilinear"')
    match arguments.get("height"), arguments.get("width"):
        case int(height), int(width) if 1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE:
            return height, width
    raise refused(node, f"its size cannot be imported; expected a height and a width of 1 to {MAX_SIDE}")
