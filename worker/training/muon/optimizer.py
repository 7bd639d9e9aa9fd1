"""Muon as a Keras optimizer: kernels by orthogonal steps, everything else by Adam."""

from collections.abc import Sequence
from typing import Any

import keras

from worker.training.muon.orthogonal import orthogonal_kernel

ADAM_BETAS = (0.9, 0.99)
ADAM_EPSILON = 1e-8


@keras.saving.register_keras_serializable("convserve")
class Muon(keras.optimizers.Optimizer):  # type: ignore[misc]  # Keras has no types
    """Orthogonal steps for the kernels that are named, Adam for all other variables.

    Args:
        learning_rate: of the kernels; a number or a schedule.
        momentum: of the kernels' gradients.
        nesterov: look ahead by one step, as Nesterov's momentum does.
        others_share: learning rate of the other variables, as a share of `learning_rate`.
        kernels: paths of the variables that take orthogonal steps.
        normalized: paths of those whose norm is reset before every step. Batch normalization after a layer makes the
            norm of its kernel irrelevant; without the reset the norm grows, and with it shrinks what a step changes.
        settings: of Keras's optimizers, such as `weight_decay` and `use_ema`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.02,
        momentum: float = 0.6,
        *,
        nesterov: bool = True,
        others_share: float = 0.1,
        kernels: Sequence[str] = (),
        normalized: Sequence[str] = (),
        name: str = "muon",
        **settings: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **settings)
        self._momentum = momentum
        self._nesterov = nesterov
        self._others_share = others_share
        self._kernels = frozenset(kernels)
        self._normalized = frozenset(normalized)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the moving averages: one for a kernel, two for any other variable."""
        if self.built:
            return
        super().build(variables)
        self._paths = [variable.path for variable in variables]
        self._averages = [self.add_variable_from_reference(variable, name="momentum") for variable in variables]
        self._squares: list[Any] = [
            None if variable.path in self._kernels else self.add_variable_from_reference(variable, name="velocity")
            for variable in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by one step."""
        rate = keras.ops.cast(learning_rate, variable.dtype)
        gradient = keras.ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        if self._squares[index] is None:
            self._orthogonal_step(gradient, variable, rate, index)
        else:
            self._adam_step(gradient, variable, rate * self._others_share, index)

    def _orthogonal_step(self, gradient: Any, variable: Any, rate: Any, index: int) -> None:
        average = self._averages[index] * self._momentum + gradient
        self.assign(self._averages[index], average)
        step = orthogonal_kernel(gradient + self._momentum * average if self._nesterov else average)
        start = keras.ops.convert_to_tensor(variable)
        if self._paths[index] in self._normalized:
            norm = keras.ops.sqrt(keras.ops.sum(keras.ops.square(start)))
            start = start * (start.shape[-1] ** 0.5 / (norm + 1e-7))
        self.assign(variable, start - rate * step)

    def _adam_step(self, gradient: Any, variable: Any, rate: Any, index: int) -> None:
        first, second = ADAM_BETAS
        done = keras.ops.cast(self.iterations + 1, variable.dtype)
        average = first * self._averages[index] + (1 - first) * gradient
        square = second * self._squares[index] + (1 - second) * keras.ops.square(gradient)
        self.assign(self._averages[index], average)
        self.assign(self._squares[index], square)
        unbiased = keras.ops.sqrt(1 - keras.ops.power(second, done)) / (1 - keras.ops.power(first, done))
        self.assign_sub(variable, rate * unbiased * average / (keras.ops.sqrt(square) + ADAM_EPSILON))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "momentum": self._momentum,
            "nesterov": self._nesterov,
            "others_share": self._others_share,
            "kernels": sorted(self._kernels),
            "normalized": sorted(self._normalized),
        }
