"""Keeps modules out of the API process that its libraries import for features which are not used here.

Each is optional to the library, which goes on without it as without a package that is not installed. Together they took
a tenth of the start and 3 MB of memory. Importing this module is enough; it has to come before other imports of ours.
"""

import sys

from worker.optional_imports import import_without

NEVER = ("pydantic.v1",)
"""FastAPI looks for models of pydantic's first version, which there are none of here."""
DURING = {"redis": ("opentelemetry.sdk.metrics",)}
"""By the library: what it is imported without. redis has metrics of its own; traces need other modules of the same
package."""


for _name in NEVER:
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # makes Python raise ImportError
for _library, _modules in DURING.items():
    import_without(_library, _modules)
