"""What records of earlier versions of the program lack."""

from collections.abc import Mapping
from typing import Any

BEFORE_OPTIONS: Mapping[str, Any] = {
    "learning_rate_schedule": {"name": "constant"},
    "augmentation": {},
    "label_smoothing": 0.0,
    "ema": 0.0,
    "precision": "float32",
}
"""How the first version of the program trained, before a job could choose these; its records lack the fields."""
