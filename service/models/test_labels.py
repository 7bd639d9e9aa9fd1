"""Keeps the labels of a dataset's test split from students, who then see the score of a version and nothing else of it.

What is left out is whatever says which test picture has which label, or how a network errs on one class: mistakes,
confusion matrix, calibration, film, report. `CONVSERVE_HIDDEN_TEST_LABELS` names the datasets.
"""

from collections.abc import Collection

from service.keys.callers import Caller
from service.web.key_errors import LabelsHidden
from worker.artifacts import (
    CURVES_PICTURE,
    HISTORY_FILE,
    KERAS_FILE,
    LAYERS_FILE,
    LITERT_FILE,
    ONNX_FILE,
    OPENVINO_FILE,
    SAVED_MODEL_FILE,
    SUMMARY_FILE,
    TAILS_FILE,
)

FILES_WITHOUT_LABELS = frozenset(
    {
        *(KERAS_FILE, ONNX_FILE, LITERT_FILE, SAVED_MODEL_FILE, OPENVINO_FILE, "manifest.json"),
        *(HISTORY_FILE, CURVES_PICTURE, SUMMARY_FILE, LAYERS_FILE, TAILS_FILE),
    }
)
"""Files of a version that everybody may read; a new file is hidden until it is named here."""


def require_test_labels(caller: Caller, dataset: str, hidden: Collection[str]) -> None:
    """Check before something is told that reveals labels of a test split.

    Args:
        caller: who asks.
        dataset: whose test split it is.
        hidden: names of the datasets whose test labels are kept from all but admins.

    Raises:
        LabelsHidden: they are kept from this caller.
    """
    if dataset in hidden and not caller.is_admin:
        raise LabelsHidden(dataset)
