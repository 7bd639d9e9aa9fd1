"""All manifests and aliases of a store in one object, so that a process that starts need not read each on its own.

The object is compressed lines: the aliases and the entries of the log that it covers, then one manifest per line, then
the SHA-256 of the lines before it. It may be old: what was changed since is in the log of changes, or found by the next
survey. It may be removed at any time.
"""

import json
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from model_store import Manifest, Split, WeightedVersion
from model_store.contents import Contents
from service.models.known_model import KnownModel

logger = logging.getLogger(__name__)

FORMAT = 1
LEVEL = 1
"""Of compression: 5.5 kB of a manifest become 2.2 kB, in 50 µs."""


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
    compressor, digest = zlib.compressobj(LEVEL), sha256()
    with NamedTemporaryFile() as file:
        for line in _lines(snapshot):
            digest.update(line)
            file.write(compressor.compress(line))
        file.write(compressor.compress(digest.hexdigest().encode() + b"\n"))
        file.write(compressor.flush())
        file.flush()
        contents.put_snapshot(Path(file.name))


def read_snapshot(contents: Contents) -> Snapshot | None:
    """What was stored; None if nothing was, or if it cannot be used. Raises `StoreUnavailable`."""
    try:
        return _parsed(_decompressed(contents.snapshot()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, zlib.error) as error:
        logger.warning("the store's snapshot is not used, and will be replaced: %s", error)
        return None


def _lines(snapshot: Snapshot) -> Iterator[bytes]:
    aliases = {name: model.aliases for name, model in snapshot.models.items() if model.aliases}
    splits = {name: _written(model.splits) for name, model in snapshot.models.items() if model.splits}
    head = {"format": FORMAT, "aliases": aliases, "splits": splits, "entries": sorted(snapshot.entries)}
    yield json.dumps(head).encode() + b"\n"
    for model in snapshot.models.values():
        for manifest in model.versions.values():
            yield manifest.model_dump_json().encode() + b"\n"


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
        stored = {alias: (_known_change(head, change), target) for alias, (change, target) in aliases.items()}
        known.setdefault(name, KnownModel()).aliases.update(stored)
    for name, splits in head.get("splits", {}).items():
        known.setdefault(name, KnownModel()).splits.update(_read_splits(splits))
    return Snapshot(known, frozenset(head["entries"]))


def _known_change(head: Mapping[str, Any], change: int) -> int:
    """The number of an alias's change; 0 in a snapshot of an earlier release, which left splits out.

    The next survey finds another number and reads the change again.
    """
    return change if "splits" in head else 0


def _written(splits: Mapping[str, Split]) -> dict[str, list[Any]]:
    return {alias: [part and part.model_dump() for part in split] for alias, split in splits.items()}


def _read_splits(splits: Mapping[str, list[Any]]) -> dict[str, Split]:
    return {
        alias: Split(*(None if part is None else WeightedVersion.model_validate(part) for part in parts))
        for alias, parts in splits.items()
    }
