"""Imports Keras without a library that it would import only to accept that library's tables.

Keras goes on without pandas, as where it is not installed; no table of pandas ever reaches it here. Where pandas is
installed, a trainer starts with a tenth less processor time: its import took 0.5 s of 5.1 s. Importing this module is
enough; it has to come before Keras.
"""

from worker.optional_imports import import_without

ABSENT = ("pandas",)

import_without("keras", ABSENT)
