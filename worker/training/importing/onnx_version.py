"""Writes the files of a version whose network is an ONNX file that has been checked."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.artifacts import INPUT_TENSOR, ONNX_FILE, OUTPUT_TENSOR
from worker.imports.result import CHECKED_FILE, Checked
from worker.onnx_sessions import ALL_CORES, open_session
from worker.pictures.pixels import to_unit_range
from worker.training.importing.version import ImportedVersion

MOST_VALUES_AT_ONCE = 10_000_000


def write_onnx_version(found: Checked, work: Path, artifacts: Path) -> ImportedVersion:
    """Write `model.onnx`.

    Args:
        found: the facts of the file.
        work: directory with the checked file.
        artifacts: receives the file.
    """
    shutil.copyfile(work / CHECKED_FILE, artifacts / ONNX_FILE)
    session = open_session((artifacts / ONNX_FILE).read_bytes(), ALL_CORES)
    at_once = max(1, min(64, MOST_VALUES_AT_ONCE // int(np.prod(found.input_shape))))

    def predict(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = [
            session.run([OUTPUT_TENSOR], {INPUT_TENSOR: to_unit_range(pictures[start : start + at_once])})[0]
            for start in range(0, len(pictures), at_once)
        ]
        return np.concatenate(parts)

    return ImportedVersion(
        input_shape=found.input_shape,
        parameters=found.parameters,
        architecture={},
        difference=found.difference,
        predict=predict,
    )
