"""Turns the graph of a Keras file into a nested description: lists of layers, residuals and branches.

A merge and the point where its inputs part enclose a composite. Graphs in which connections cross cannot be written in
the grammar, and are refused with the layer at which they do.
"""

from collections.abc import Sequence

from worker.architectures.description import MAX_NESTING
from worker.architectures.shapes import Shape
from worker.imports.arguments import Arguments, require_last_axis
from worker.imports.keras_layers import HINT, MERGES, RESIZING, scales_pixels, translate
from worker.imports.layer_graph import Graph, Node
from worker.imports.paddings import is_uneven, with_padding
from worker.imports.resizing import size_of
from worker.imports.steps import Joined, Step, Steps, refused, shape_after, step
from worker.imports.weights import Weights

CROSSED = "its inputs are connected in a way that lists of layers cannot describe"


class Nesting:
    """Walks the graph of one file.

    Args:
        graph: of the file.
        weights: of the file.

    Attributes:
        input_size: height and width that the model resizes pictures to; None if it does not.
    """

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._graph = graph
        self._weights = weights
        self._parents = _dominators(graph)
        self._used: set[int] = set()
        self.input_size: tuple[int, int] | None = None

    def describe(self, shape: Shape) -> tuple[Steps, Shape]:
        """The whole model, for pictures of this shape, and the shape of its output.

        Raises:
            ImportRefused: a layer is not in the grammar, or connections cross.
        """
        return self._chain(0, self._graph.output, shape, 0)

    def _chain(self, start: int, end: int, shape: Shape, depth: int) -> tuple[Steps, Shape]:
        """The layers behind `start` up to `end`, which only `start` leads to."""
        steps: list[Step | Joined] = []
        pad: Node | None = None
        numbers = self._between(start, end)
        for number in numbers:
            node = self._graph.nodes[number] if pad is None else with_padding(self._graph.nodes[number], pad, shape)
            pad = None
            if node.kind in MERGES and not node.numbers:
                found, shape = self._merge(number, node, shape, depth)
            elif node.kind == RESIZING:
                found, shape = (), self._resized(number, node, shape, depth)
            elif is_uneven(node) and number != numbers[-1]:
                found, pad = (), node
            else:
                found, shape = self._translated(node, shape)
            steps += found
        return tuple(steps), shape

    def _between(self, start: int, end: int) -> list[int]:
        """The nodes behind `start` up to `end` through which every path leads; a merge stands for its inputs."""
        found: list[int] = []
        at = end
        while at != start:
            node = self._graph.nodes[at]
            if at in self._used or at < start:
                raise refused(node, CROSSED, HINT)
            self._used.add(at)
            found.append(at)
            at = self._parents[at]
        return found[::-1]

    def _translated(self, node: Node, shape: Shape) -> tuple[Steps, Shape]:
        found = translate(node, shape, self._weights)
        for layer in found:
            shape = shape_after(node, layer, shape) if isinstance(layer, Step) else shape
        return found, shape

    def _merge(self, number: int, node: Node, shape: Shape, depth: int) -> tuple[Steps, Shape]:
        if depth >= MAX_NESTING:
            raise refused(node, f"composites are nested too deep; expected at most {MAX_NESTING} inside one another")
        if node.kind == "Concatenate":
            require_last_axis(node, Arguments(node, "axis").get("axis", -1), shape)
        else:
            Arguments(node)
        ends = [self._chain(self._parents[number], end, shape, depth + 1) for end in node.inputs]
        parts, shapes = tuple(steps for steps, _ in ends), [end_shape for _, end_shape in ends]
        if node.kind == "Add":
            if len(set(shapes)) > 1:
                raise refused(node, "it adds outputs of different shapes")
            return (_sum(node, parts),), shapes[0]
        if len({end_shape[:-1] for end_shape in shapes}) > 1:
            raise refused(node, "it concatenates outputs of different heights or widths")
        return (Joined("branches", parts),), (*shapes[0][:-1], sum(end_shape[-1] for end_shape in shapes))

    def _resized(self, number: int, node: Node, shape: Shape, depth: int) -> Shape:
        """Pictures are resized before everything else: scaling their pixels before or after that is the same."""
        before = self._graph.nodes[1:number]
        if depth or self.input_size or not all(scales_pixels(other) for other in before):
            raise refused(node, "pictures can be resized only at the beginning of a network", HINT)
        self.input_size = size_of(node)
        return (*self.input_size, shape[-1])


def _sum(node: Node, parts: Sequence[Steps]) -> Joined:
    """A residual; a sum of more than two is a residual within a residual."""
    layers, *others = sorted(parts, key=lambda steps: not steps)  # the grammar wants layers, and may lack a shortcut
    found = Joined("residual", (layers or (step(node, "activation", activation="linear"),), others[0]))
    for other in others[1:]:
        found = Joined("residual", ((found,), other))
    return found


def _dominators(graph: Graph) -> list[int]:
    """For every node the nearest one before it that all paths to it lead through; the input's is itself."""
    parents, depths = [0], [0]
    for node in graph.nodes[1:]:
        at = node.inputs[0]
        for other in node.inputs[1:]:
            while at != other:
                if depths[at] >= depths[other]:
                    at = parents[at]
                else:
                    other = parents[other]  # noqa: PLW2901 - climbs towards the input
        parents.append(at)
        depths.append(depths[at] + 1)
    return parents
