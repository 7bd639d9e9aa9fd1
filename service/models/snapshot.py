"""All versions and aliases of a store in one object, so that a process that starts need not read each on its own.

The object is a sequence of blocks, each after its length: a head with the aliases and the entries of the log that it
covers; for every 1,000 versions of a model their records, and their manifests as they are kept in memory; then the
SHA-256 of all that comes before. Only the records are parsed, so that 100,000 versions are read in a second.

It may be old: what was changed since is in the log of changes, or found by the next survey. It may be removed at any
time.
"""

import gc
import json
import logging
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from pydantic_core import from_json

from model_store import Split, WeightedVersion
from model_store.contents import Contents
from service.models.known_model import KnownModel
from service.models.packed_manifests import DICTIONARY_ID
from service.models.version_record import VersionRecord

logger = logging.getLogger(__name__)

FORMAT = 2
LEVEL = 1
"""Of the compression of records; manifests are compressed already."""
BLOCK_VERSIONS = 1000
LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a reader knew at one moment.

    Attributes:
        models: by name. Damaged versions are not stored.
        entries: of the log of changes that it had read.
    """

    models: Mapping[str, KnownModel]
    entries: frozenset[str]


def write_snapshot(contents: Contents, snapshot: Snapshot) -> None:
    """Store it in place of an earlier one. Raises `StoreUnavailable`."""
    digest = sha256()
    with NamedTemporaryFile() as file:
        for block in _blocks(snapshot):
            framed = LENGTH.pack(len(block)) + block
            digest.update(framed)
            file.write(framed)
        file.write(LENGTH.pack(0) + digest.digest())
        file.flush()
        contents.put_snapshot(Path(file.name))


def read_snapshot(contents: Contents) -> Snapshot | None:
    """What was stored; None if nothing was, or if it cannot be used. Raises `StoreUnavailable`."""
    try:
        with _without_collector():
            return _parsed(contents.snapshot())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, zlib.error) as error:
        logger.warning("the store's snapshot is not used, and will be replaced: %s", error)
        return None


@contextmanager
def _without_collector() -> Iterator[None]:
    """Turn the garbage collector off meanwhile: it took 10 of the 30 µs for each version, and there is no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _blocks(snapshot: Snapshot) -> Iterator[bytes]:
    aliases = {name: model.aliases for name, model in snapshot.models.items() if model.aliases}
    splits = {name: _written(model.splits) for name, model in snapshot.models.items() if model.splits}
    head = {"format": FORMAT, "dictionary": DICTIONARY_ID, "aliases": aliases, "splits": splits}
    yield _dumped(head | {"entries": sorted(snapshot.entries)})
    for name, model in snapshot.models.items():
        for start in range(0, len(model.versions), BLOCK_VERSIONS):
            versions = list(islice(model.versions.values(), start, start + BLOCK_VERSIONS))
            sizes = [len(version.packed) for version in versions]
            yield _dumped({"model": name, "rows": [version.to_row() for version in versions], "sizes": sizes})
            yield b"".join(version.packed for version in versions)


def _parsed(chunks: Iterator[bytes]) -> Snapshot:
    blocks = _read_blocks(chunks)
    head = _loaded(next(blocks))
    if head["format"] != FORMAT or head["dictionary"] != DICTIONARY_ID:
        raise ValueError(f"expected format {FORMAT}, got {head['format']}, or another dictionary")
    known: dict[str, KnownModel] = {}
    for described, packed in zip(blocks, blocks, strict=True):
        table = _loaded(described)
        versions = known.setdefault(table["model"], KnownModel()).versions
        for record in _records(table, packed):
            versions[record.version] = record
    for name, aliases in head["aliases"].items():
        stored = {alias: (change, target) for alias, (change, target) in aliases.items()}
        known.setdefault(name, KnownModel()).aliases.update(stored)
    for name, splits in head["splits"].items():
        known.setdefault(name, KnownModel()).splits.update(_read_splits(splits))
    return Snapshot(known, frozenset(head["entries"]))


def _written(splits: Mapping[str, Split]) -> dict[str, list[Any]]:
    return {alias: [part and part.model_dump() for part in split] for alias, split in splits.items()}


def _read_splits(splits: Mapping[str, list[Any]]) -> dict[str, Split]:
    return {
        alias: Split(*(None if part is None else WeightedVersion.model_validate(part) for part in parts))
        for alias, parts in splits.items()
    }


def _records(table: dict[str, Any], packed: bytes) -> Iterator[VersionRecord]:
    start = 0
    for row, size in zip(table["rows"], table["sizes"], strict=True):
        yield VersionRecord.from_row(table["model"], row, packed[start : start + size])
        start += size


def _read_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks; raises `ValueError` at the end unless all were read as they were written."""
    digest, rest = sha256(), bytearray()
    length: int | None = None
    for chunk in chunks:
        rest += chunk
        while len(rest) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(rest)
            if not length or len(rest) < LENGTH.size + length:
                break
            with memoryview(rest) as view:
                digest.update(view[: LENGTH.size + length])
                block = bytes(view[LENGTH.size : LENGTH.size + length])
            del rest[: LENGTH.size + length]
            yield block
    if length != 0 or len(rest) != LENGTH.size + digest.digest_size:
        raise ValueError("it is cut off")
    if rest[LENGTH.size :] != digest.digest():
        raise ValueError("its SHA-256 is another one")


def _dumped(value: object) -> bytes:
    return zlib.compress(json.dumps(value).encode(), LEVEL)


def _loaded(block: bytes) -> dict[str, Any]:
    loaded = from_json(zlib.decompress(block), cache_strings="none")  # a quarter of the time of `json.loads`
    if not isinstance(loaded, dict):
        raise TypeError(f"expected an object, got {type(loaded).__name__}")
    return loaded
