"""How much the tests try: little in `make test`, all of it in `make promises`."""

import os

IS_LONG = os.environ.get("PROMISES") == "long"
"""The full number of tries, with measured times; otherwise a few tries, as part of the gate."""


def tries(few: int, many: int) -> int:
    """How often to try, or how many random examples: one test, two sizes."""
    return many if IS_LONG else few
