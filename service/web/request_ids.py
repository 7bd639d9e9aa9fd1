"""The id of a request, which its answer and its log lines carry."""

import random
import re

_ids = random.Random()  # seeded by the operating system
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_from(carried: str) -> str:
    """The id that a client sent if it is safe to log, else a new one."""
    return carried if carried and _ACCEPTED_ID.fullmatch(carried) else new_request_id()


def new_request_id() -> str:
    """A new id, 16 hexadecimal digits."""
    # An id only tells requests apart and grants nothing, so it may be easy to guess.
    return f"{_ids.getrandbits(64):016x}"
