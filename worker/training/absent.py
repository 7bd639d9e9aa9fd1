"""Imports Keras without a library that it would import only to accept that library's tables.

Keras goes on without pandas, as where it is not installed; no table of pandas ever reaches it here. Where pandas is
installed, a trainer starts with a tenth less processor time: its import took 0.5 s of 5.1 s. Importing this module is
enough; it has to come before Keras.
"""

import importlib
import sys

ABSENT = ("pandas",)


def _import_keras() -> None:
    """Import Keras without those modules. What is imported already stays, and later imports find them again."""
    missing = [name for name in ABSENT if name not in sys.modules]
    sys.modules |= dict.fromkeys(missing)  # type: ignore[arg-type]  # makes Python raise ImportError
    try:
        importlib.import_module("keras")
    finally:
        for name in missing:
            del sys.modules[name]


_import_keras()
