"""What both kinds of imports hand over to the rest of the job."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImportedVersion:
    """What has been written, and how it answers.

    Attributes:
        input_shape: height, width, channels.
        parameters: of the network.
        architecture: the description as data; empty for an ONNX file.
        difference: largest one between two ways to compute the same answers.
        predict: from pictures, uint8 of shape (n, *input_shape), to probabilities, float32 of shape (n, n_classes).
    """

    input_shape: tuple[int, int, int]
    parameters: int
    architecture: dict[str, Any]
    difference: float
    predict: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
