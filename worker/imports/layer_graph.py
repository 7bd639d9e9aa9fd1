"""The layers of a Keras configuration as a graph: nested models are inlined, and every layer is called once.

What a layer does is not known here.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.imports.errors import ImportRefused, short
from worker.imports.layer_calls import capital, inputs_of, mapping, name_of, only_tensor
from worker.imports.limits import MAX_NESTED_MODELS, MAX_NODES

SEQUENTIAL, FUNCTIONAL = "Sequential", frozenset({"Functional", "Model"})
_MODEL_MODULES = frozenset(
    {
        "keras",
        "keras.models",
        "keras.src.models.functional",
        "keras.src.models.sequential",
        "keras.src.engine.functional",
        "keras.src.engine.sequential",
    }
)
_LAYER_MODULES = frozenset({"keras.layers"})
_OPERATION_MODULES = frozenset({"keras.src.ops.numpy", "keras.ops"})


@dataclass(frozen=True)
class WeightsPlace:
    """Where a layer's weights are in the HDF5 file: for every level, the layer's own name and the one Keras counts."""

    levels: tuple[tuple[str, str], ...] = ()

    def inside(self, name: str, counted: str) -> "WeightsPlace":
        """The place of a layer of the model at this place."""
        return WeightsPlace((*self.levels, (name, counted)))


@dataclass(frozen=True)
class Node:
    """One layer, or one operation on a tensor and numbers.

    Attributes:
        name: as the file has it; inside a nested model with the model's name before it.
        kind: name of Keras's class.
        config: its arguments, from the file.
        inputs: the nodes whose outputs it gets.
        place: of its weights.
        numbers: of an operation: its arguments, with None for the tensor.
        input_shape: of one picture, where the file says so: the input's, or that of a first layer.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[int, ...]
    place: WeightsPlace = WeightsPlace()
    numbers: tuple[float | None, ...] = ()
    input_shape: tuple[Any, ...] | None = None

    def __str__(self) -> str:
        return f"layer {short(self.name)} ({short(self.kind).strip(chr(39))})"


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they can be computed; the first is the input."""

    nodes: tuple[Node, ...]
    output: int


def read_graph(config: Mapping[str, Any]) -> Graph:
    """The layers of a model.

    Raises:
        ImportRefused: it is no sequential or functional model with one input and one output, or is too large.
    """
    builder = _Builder()
    output = builder.model(config, None, WeightsPlace(), "", 0)
    return Graph(tuple(builder.nodes), output)


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def model(self, entry: Mapping[str, Any], given: int | None, place: WeightsPlace, prefix: str, depth: int) -> int:
        """Add the layers of a model and return its output; `given` is the input of a nested model."""
        kind = entry.get("class_name")
        if kind != SEQUENTIAL and (not isinstance(kind, str) or kind not in FUNCTIONAL):
            raise ImportRefused(f"The model is of the class {short(kind)}; expected Sequential or Functional.")
        _check_origin(entry, _MODEL_MODULES, f"model {short(kind)}")
        if depth > MAX_NESTED_MODELS:
            raise ImportRefused(f"Models are nested too deep; expected at most {MAX_NESTED_MODELS} inside one another.")
        config = mapping(entry.get("config"), "the model's config")
        if kind == SEQUENTIAL:
            return self._sequential(entry, config, given, place, prefix, depth)
        return self._functional(config, given, place, prefix, depth)

    def _sequential(
        self,
        entry: Mapping[str, Any],
        config: Mapping[str, Any],
        given: int | None,
        place: WeightsPlace,
        prefix: str,
        depth: int,
    ) -> int:
        at = given
        counted = _Counted()
        for layer in _layers_of(config):
            if layer["class_name"] == "InputLayer":
                at = self._add_input(layer, prefix) if at is None else at
                continue
            if at is None:
                at = self._add_input({"config": {"batch_shape": _first_shape(entry, config, layer)}}, prefix)
            at = self._add(layer, (at,), (), counted.place(place, layer), prefix, depth)
        if at is None:
            raise ImportRefused("The model has no layers; expected at least one.")
        return at

    def _functional(
        self, config: Mapping[str, Any], given: int | None, place: WeightsPlace, prefix: str, depth: int
    ) -> int:
        entry_point = only_tensor(config.get("input_layers"), "inputs")
        known: dict[str, int] = {}
        counted = _Counted()
        for layer in _layers_of(config):
            name = name_of(layer)
            if name in known:
                raise ImportRefused(f"Two layers have the name {short(name)}; expected every name once.")
            if layer["class_name"] == "InputLayer":
                if name != entry_point:
                    raise ImportRefused(f"The model has the additional input {short(name)}; expected one input.")
                known[name] = self._add_input(layer, prefix) if given is None else given
                continue
            inputs, numbers = inputs_of(layer, known)
            known[name] = self._add(layer, inputs, numbers, counted.place(place, layer), prefix, depth)
        end = only_tensor(config.get("output_layers"), "outputs")
        if end not in known:
            raise ImportRefused(f"The output {short(end)} is not one of the layers.")
        return known[end]

    def _add(
        self,
        layer: Mapping[str, Any],
        inputs: tuple[int, ...],
        numbers: tuple[float | None, ...],
        place: WeightsPlace,
        prefix: str,
        depth: int,
    ) -> int:
        kind, name = layer["class_name"], prefix + name_of(layer)
        if kind == SEQUENTIAL or kind in FUNCTIONAL:
            if len(inputs) != 1:
                raise ImportRefused(f"The model {short(name)} is called with {len(inputs)} inputs; expected one.")
            return self.model(layer, inputs[0], place, f"{name}/", depth + 1)
        node = Node(name, kind, mapping(layer.get("config"), f"layer {short(name)}"), inputs, place, numbers)
        modules = _OPERATION_MODULES if numbers else _LAYER_MODULES | (_OPERATION_MODULES if kind == "Add" else set())
        _check_origin(layer, modules, str(node))
        return self._append(node)

    def _add_input(self, layer: Mapping[str, Any], prefix: str) -> int:
        if self.nodes:
            raise ImportRefused("The model has several inputs; expected one.")
        config = mapping(layer.get("config"), "the input layer")
        shape = config.get("batch_shape") or config.get("batch_input_shape") or config.get("shape")
        shape = shape[1:] if isinstance(shape, list) and len(shape) == 4 else shape
        if not isinstance(shape, list) or len(shape) != 3:
            raise ImportRefused("The model's input is not a picture; expected a shape of height, width and channels.")
        return self._append(Node(f"{prefix}input", "InputLayer", config, (), input_shape=tuple(shape)))

    def _append(self, node: Node) -> int:
        if len(self.nodes) == MAX_NODES:
            raise ImportRefused(f"The model has too many layers; expected at most {MAX_NODES:,}.")
        self.nodes.append(node)
        return len(self.nodes) - 1


class _Counted:
    """Counts layers by class, as Keras does for the names of their weights."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def place(self, model: WeightsPlace, layer: Mapping[str, Any]) -> WeightsPlace:
        name = _snake_case(str(layer["class_name"]))
        number = self._taken[name]
        self._taken[name] += 1
        return model.inside(name_of(layer), f"{name}_{number}" if number else name)


def _snake_case(name: str) -> str:
    """As Keras turns the name of a class into that of a group in the file."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _layers_of(config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    layers = config.get("layers")
    if not isinstance(layers, list) or len(layers) > MAX_NODES:
        raise ImportRefused(f"The model's layers are no list of at most {MAX_NODES:,} layers.")
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("class_name"), str):
            raise ImportRefused(f"A layer has no class_name; got {short(layer)}.")
    return layers


def _check_origin(entry: Mapping[str, Any], modules: frozenset[str], what: str) -> None:
    """Refuse classes of other programs, which may have the name of one of Keras's."""
    kind, module, registered = entry.get("class_name"), entry.get("module"), entry.get("registered_name")
    is_foreign = module is not None and module not in modules
    if is_foreign or registered not in (None, kind):
        raise ImportRefused(
            f"{capital(what)} is not one of Keras's own that can be imported; expected a class of keras.layers, "
            f"got {short(registered or kind)} of {short(module)}.",
            "Code of others is never run. Rebuild the model with Keras's own layers, or export it as ONNX.",
        )


def _first_shape(entry: Mapping[str, Any], config: Mapping[str, Any], layer: Mapping[str, Any]) -> object:
    """The input's shape in a sequential model without an input layer."""
    inner = layer.get("config")
    first = inner.get("batch_input_shape") or inner.get("batch_shape") if isinstance(inner, dict) else None
    built = entry.get("build_config")
    told = built.get("input_shape") if isinstance(built, dict) else None
    return first or config.get("build_input_shape") or told
