"""Reads the arguments of a Keras layer from the file: only those that are known, and only plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from worker.architectures.grammar import Activation, Initializer
from worker.imports.errors import short
from worker.imports.layer_graph import Node
from worker.imports.steps import refused

_IGNORED = frozenset(
    {
        *("name", "trainable", "dtype", "seed", "batch_input_shape", "batch_shape", "input_dim", "noise_shape"),
        *("quantization_config", "autocast", "sparse", "ragged", "optional", "input_shape"),
    }
)
"""Arguments that change nothing in a prediction. Also those that end with one of `_IGNORED_ENDS`."""
_IGNORED_ENDS = ("_initializer", "_regularizer", "_constraint")
_DTYPES = frozenset({"float16", "float32", "float64", "bfloat16", "mixed_float16", "mixed_bfloat16"})
_ACTIVATIONS: Mapping[str, str] = {name: name for name in Activation.__args__} | {"swish": "silu"}  # type: ignore[attr-defined]
DEFAULT_INITIALIZER = "glorot_uniform"
_INITIALIZERS: Mapping[str, str] = {
    "".join(part.capitalize() for part in name.split("_")): name
    for name in Initializer.__args__  # type: ignore[attr-defined]
}
_RARE: Mapping[str, tuple[Any, ...]] = {
    "data_format": ("channels_last", None),
    "groups": (1, None),
    "dilation_rate": (1, [1, 1], None),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "keepdims": (False, None),
    "synchronized": (False, None),
    "renorm": (False, None),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99, None),
    "virtual_batch_size": (None,),
    "fused": (None, True, False),
    "crop_to_aspect_ratio": (False, None),
    "pad_to_aspect_ratio": (False, None),
    "antialias": (False, None),
    "fill_mode": ("constant", None),
    "fill_value": (0, 0.0, None),
}
"""Arguments that can only have the value that changes nothing, whatever the layer."""


class Arguments:
    """The arguments of one layer.

    Args:
        node: the layer.
        known: the arguments that its translation uses; `data_format` and others of no effect are known everywhere.
    """

    def __init__(self, node: Node, *known: str) -> None:
        self._node = node
        self._config = node.config
        for name, value in node.config.items():
            if name in known or name in _IGNORED or name.endswith(_IGNORED_ENDS):
                continue
            if name not in _RARE:
                if value is not None:
                    raise refused(node, f"it has the argument {short(name)}, which cannot be imported")
            elif not any(type(value) is type(usual) and value == usual for usual in _RARE[name]):
                raise refused(node, f"its {name} cannot be imported; expected {_RARE[name][0]!r}, got {short(value)}")
        _check_dtype(node)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON, checked by the grammar
        """The value of an argument."""
        value = self._config.get(name)
        return default if value is None else value

    def side(self, name: str, default: int) -> Any:  # noqa: ANN401 - JSON, checked by the grammar
        """An argument that must be equal for both sides, as one number."""
        value = self.get(name, default)
        if isinstance(value, list) and len(value) == 2 and value[0] == value[1]:
            return value[0]
        if isinstance(value, list):
            raise refused(self._node, f"its {name} differs between the sides; expected the same for both")
        return value

    def number(self, name: str, default: float) -> float:
        """An argument that is one number."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused(self._node, f"its {name} is no number; got {short(value)}")
        return float(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """An argument that is true or false."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise refused(self._node, f"its {name} is neither true nor false; got {short(value)}")
        return value

    def activation(self) -> str | None:
        """The name of the layer's activation in the grammar; None for none."""
        value = self.get("activation", "linear")
        if not isinstance(value, str) or value not in _ACTIVATIONS:
            known = ", ".join(sorted(_ACTIVATIONS))
            raise refused(self._node, f"its activation cannot be imported; expected one of {known}, got {short(value)}")
        name = _ACTIVATIONS[value]
        return None if name == "linear" else name

    def initializer(self) -> str:
        """The grammar's name of how the kernel was drawn, which matters when it is trained again."""
        value = self._config.get("kernel_initializer")
        found = value.get("class_name") if isinstance(value, dict) else value
        return _INITIALIZERS.get(found, DEFAULT_INITIALIZER) if isinstance(found, str) else DEFAULT_INITIALIZER


def _check_dtype(node: Node) -> None:
    dtype = node.config.get("dtype")
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        dtype = inner.get("name") if isinstance(inner, dict) and dtype.get("class_name") == "DTypePolicy" else dtype
    if not (dtype is None or (isinstance(dtype, str) and dtype in _DTYPES)):
        raise refused(node, f"its dtype cannot be imported; expected floating-point numbers, got {short(dtype)}")


def require_last_axis(node: Node, axis: object, shape: Sequence[int]) -> None:
    """Refuse a layer that works along another axis than that of the channels, which is last."""
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(shape)):
        raise refused(node, f"its axis cannot be imported; expected the channels, which are last, got {short(axis)}")
