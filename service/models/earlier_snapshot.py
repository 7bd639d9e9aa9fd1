"""The snapshot of a store as earlier versions of this program wrote it: compressed lines, one manifest each.

It is read where there is none in the present format, so that the first start after an update is not slow, and is left
as it is: processes of earlier versions may still use the store.
"""

import json
import logging
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256

from model_store import Manifest
from model_store.contents import Contents
from service.models.known_model import KnownModel
from service.models.snapshot import Snapshot

logger = logging.getLogger(__name__)

FORMAT = 1


def read_earlier_snapshot(contents: Contents) -> Snapshot | None:
    """What was stored; None if nothing was, or if it cannot be used. Raises `StoreUnavailable`."""
    try:
        return _parsed(_decompressed(contents.earlier_snapshot()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, zlib.error) as error:
        logger.warning("the store's snapshot of an earlier version is not used: %s", error)
        return None


def _decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decompressor, rest = zlib.decompressobj(), b""
    for chunk in chunks:
        *lines, rest = (rest + decompressor.decompress(chunk)).split(b"\n")
        yield from lines
    *lines, rest = (rest + decompressor.flush()).split(b"\n")
    yield from lines
    if rest or not decompressor.eof:
        raise ValueError("it is cut off")


def _parsed(lines: Iterator[bytes]) -> Snapshot:
    first = next(lines)
    head, digest = json.loads(first), sha256(first + b"\n")
    if head["format"] != FORMAT:
        raise ValueError(f"expected format {FORMAT}, got {head['format']}")
    known: dict[str, KnownModel] = {}
    waiting = next(lines)  # the last line is no manifest
    for line in lines:
        digest.update(waiting + b"\n")
        manifest = Manifest.model_validate_json(waiting)
        known.setdefault(manifest.model, KnownModel()).add(manifest.version, manifest)
        waiting = line
    if waiting.decode() != digest.hexdigest():
        raise ValueError("its SHA-256 is another one")
    for name, aliases in head["aliases"].items():
        # It says nothing of splits. The number 0 makes the next survey read the change of the alias again.
        stored = {alias: (0, target) for alias, (_, target) in aliases.items()}
        known.setdefault(name, KnownModel()).aliases.update(stored)
    return Snapshot(known, frozenset(head["entries"]))
