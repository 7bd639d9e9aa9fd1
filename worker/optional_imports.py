"""Imports a library without modules that are optional to it and that nothing here uses: they cost time and memory."""

import importlib
import sys
from collections.abc import Iterable


def import_without(library: str, modules: Iterable[str]) -> None:
    """Import a library as if these modules were not installed.

    What is imported already stays, and later imports find the modules again.

    Args:
        library: it goes on without them, as where they are not installed.
        modules: their names.
    """
    missing = [name for name in modules if name not in sys.modules]
    sys.modules |= dict.fromkeys(missing)  # type: ignore[arg-type]  # makes Python raise ImportError
    try:
        importlib.import_module(library)
    finally:
        for name in missing:
            del sys.modules[name]
