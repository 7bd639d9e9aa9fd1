"""Which requests of an alias the canary answers: for a given key always the same, otherwise a random share.

The place of a key depends on the model and the alias, not on the versions: when a weight grows, the keys that the
canary answered stay with it.
"""

from hashlib import blake2b

from starlette.types import Scope

STICKY_HEADER = "X-Request-Key"
"""Requests with the same value are answered by the same version."""
_HEADER = STICKY_HEADER.lower().encode()
_DIGEST_BYTES = 8


def sticky_key(scope: Scope) -> bytes | None:
    """What decides for a request: its header, or else the owner of its key; None when it has neither."""
    for name, value in scope["headers"]:
        if name == _HEADER and value:
            return bytes(value)
    caller = scope.get("state", {}).get("caller")
    return caller.name.encode() if caller is not None and caller.digest else None


def place_of(model: str, alias: str, key: bytes) -> float:
    """A number from 0 to below 1 that is spread evenly over keys; the canary answers below its weight."""
    digest = blake2b(b"\0".join((model.encode(), alias.encode(), key)), digest_size=_DIGEST_BYTES)
    return int.from_bytes(digest.digest()) / 2.0 ** (8 * _DIGEST_BYTES)
