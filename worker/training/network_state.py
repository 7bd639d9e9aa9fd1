"""Converts everything that changes in a network during training to arrays, and back.

Besides the weights, that is the optimizer's state, the metric sums of the current epoch, and the state of every random
generator inside the network (dropout). After restoring it, training continues exactly as without an interruption.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]


def state_of(network: keras.Model) -> State:
    """Copies of all variables of a compiled network, by names that depend only on their order."""
    return {name: np.array(variable) for name, variable in _variables(network)}


def restore_state(network: keras.Model, state: State) -> None:
    """Set all variables of a compiled network.

    Raises:
        ValueError: the state belongs to another network or optimizer. Nothing is changed in this case.
    """
    variables = dict(_variables(network))
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    found = {name: array.shape for name, array in state.items()}
    if expected != found:
        odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise ValueError(
            f"the state does not belong to this network: expected {odd[0]} of shape {expected.get(odd[0])}, "
            f"got {found.get(odd[0])} ({len(odd)} differences)"
        )
    for name, variable in variables.items():
        variable.assign(state[name])


def weights_of(network: keras.Model) -> State:
    """Copies of the variables that determine the network's outputs, without those that only training needs."""
    return {name: np.array(variable) for name, variable in _named("network", network.variables)}


def restore_weights(network: keras.Model, weights: State) -> None:
    """Set what `weights_of` copied."""
    for name, variable in _named("network", network.variables):
        variable.assign(weights[name])


def write_state(state: State, path: Path) -> None:
    """Write a state as an uncompressed `.npz`: weights hardly compress, and training may have to wait for this."""
    with path.open("wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]  # numpy types its keyword arguments too narrowly


def _variables(network: keras.Model) -> Iterator[tuple[str, Any]]:
    yield from _named("network", network.variables)
    yield from _named("optimizer", network.optimizer.variables)
    yield from _named("metrics", network.metrics_variables)


def _named(part: str, variables: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"{part}-{index}", variable) for index, variable in enumerate(variables))


def read_state(data: bytes) -> State:
    """Read what `write_state` wrote."""
    with np.load(io.BytesIO(data)) as arrays:
        return dict(arrays)
