"""Keeps modules out of the API process that its libraries import for features which are not used here.

Each is optional to the library, which goes on without it as without a package that is not installed. Together they took
a tenth of the start and 3 MB of memory. Importing this module is enough; it has to come before other imports of ours.
"""

import importlib
import sys

NEVER = ("pydantic.v1",)
"""FastAPI looks for models of pydantic's first version, which there are none of here."""
DURING = {"redis": ("opentelemetry.sdk.metrics",)}
"""By the library: what it is imported without. redis has metrics of its own; traces need other modules of the same
package."""


def _keep_absent() -> None:
    """Import the libraries without those modules. What is imported already stays."""
    for name in NEVER:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # makes Python raise ImportError
    for library, modules in DURING.items():
        missing = [name for name in modules if name not in sys.modules]
        sys.modules |= dict.fromkeys(missing)  # type: ignore[arg-type]
        try:
            importlib.import_module(library)
        finally:
            for name in missing:
                del sys.modules[name]


_keep_absent()
