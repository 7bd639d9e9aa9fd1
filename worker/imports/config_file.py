"""Opens a `.keras` archive and reads its `config.json` as JSON, both with limits; unpacks nothing by its own name."""

import json
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from model_store.errors import NO_SPACE
from worker.imports.errors import ImportRefused, short
from worker.imports.limits import (
    MAX_COMMENT_BYTES,
    MAX_CONFIG_BYTES,
    MAX_INTEGER,
    MAX_JSON_DEPTH,
    MAX_JSON_VALUES,
    MAX_METADATA_BYTES,
    MAX_MODEL_BYTES,
    MAX_RATIO,
    RATIO_FROM_BYTES,
)

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
HINT = "Save the model with Keras 3: model.save('model.keras')."
_CHUNK_BYTES = 2**20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What Python's zip reader raises for damaged archives; the kernel refuses to seek to an impossible place."""
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_config(path: Path, weights_to: Path, most_bytes: int = MAX_MODEL_BYTES) -> dict[str, Any]:
    """The configuration of a Keras file; its weights are copied to a file.

    Args:
        path: of the archive.
        weights_to: receives the HDF5 file.
        most_bytes: of that file.

    Raises:
        ImportRefused: the archive is not one that Keras writes, or is beyond a limit.
    """
    limits = {CONFIG: MAX_CONFIG_BYTES, METADATA: MAX_METADATA_BYTES, WEIGHTS: most_bytes}
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, limits)
            config = b"".join(_read(archive, members[CONFIG], limits[CONFIG]))
            with weights_to.open("xb") as file:
                for chunk in _read(archive, members[WEIGHTS], most_bytes):
                    file.write(chunk)
    except _DAMAGE as error:
        if isinstance(error, ImportRefused) or (isinstance(error, OSError) and error.errno in NO_SPACE):
            raise
        raise ImportRefused(f"The file is not a sound zip archive: {short(str(error))}.", HINT) from error
    return parse(config)


def _members(archive: zipfile.ZipFile, limits: dict[str, int]) -> dict[str, zipfile.ZipInfo]:
    if len(archive.comment) > MAX_COMMENT_BYTES:
        raise ImportRefused(f"The archive's comment is too long; expected at most {MAX_COMMENT_BYTES} bytes.")
    found = archive.infolist()
    names = [member.filename for member in found]
    if sorted(names) != sorted(limits):
        shown = ", ".join(short(name) for name in names[:5])
        expected = ", ".join(sorted(limits))
        raise ImportRefused(
            f"Not the files of a Keras model; expected exactly {expected}, got {shown or 'none'}.", HINT
        )
    for member in found:
        _check_member(member, limits[member.filename])
    return dict(zip(names, found, strict=True))


def _check_member(member: zipfile.ZipInfo, most_bytes: int) -> None:
    name = member.filename
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise ImportRefused(f"{name} is encrypted or packed by an unusual method; expected it stored or deflated.")
    if member.file_size > most_bytes:
        raise ImportRefused(f"{name} is too large; expected at most {most_bytes:,} bytes, got {member.file_size:,}.")
    if member.file_size > RATIO_FROM_BYTES and member.file_size > MAX_RATIO * max(1, member.compress_size):
        raise ImportRefused(f"{name} is packed too tightly; expected at most {MAX_RATIO} bytes of each packed byte.")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most_bytes: int) -> Any:  # noqa: ANN401 - a generator
    """The bytes of a member in chunks, its checksum verified; no more than it declares."""
    read = 0
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK_BYTES):
            read += len(chunk)
            if read > most_bytes:
                raise ImportRefused(f"{member.filename} is too large; expected at most {most_bytes:,} bytes, got more.")
            yield chunk


def parse(text: bytes) -> dict[str, Any]:
    """JSON without surprises: an object, no key twice, no huge number, bounded depth and size.

    Raises:
        ImportRefused: it is not.
    """
    try:
        value = json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, ImportRefused):
            raise
        raise ImportRefused(f"{CONFIG} is not valid JSON: {short(str(error))}.", HINT) from error
    if not isinstance(value, dict):
        raise ImportRefused(f"{CONFIG} is not a JSON object; got {type(value).__name__}.", HINT)
    _check_extent(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ImportRefused(f"{CONFIG} has a key twice in one object; expected every key once.")
    return read


def _no_constant(name: str) -> None:
    raise ImportRefused(f"{CONFIG} has the number {name}; expected finite numbers.")


def _integer(digits: str) -> int:
    # Also bounds the time: converting a million digits takes seconds.
    if len(digits) > 20 or abs(int(digits)) > MAX_INTEGER:
        raise ImportRefused(f"{CONFIG} has a whole number beyond {MAX_INTEGER:,}: {short(digits)}.")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ImportRefused(f"{CONFIG} has the number {short(digits)}; expected finite numbers.")
    return number


def _check_extent(value: object) -> None:
    waiting = [(value, 1)]
    for count in range(MAX_JSON_VALUES):
        if not waiting:
            return
        current, depth = waiting.pop()
        if depth > MAX_JSON_DEPTH:
            raise ImportRefused(f"{CONFIG} is nested too deep; expected at most {MAX_JSON_DEPTH} levels.")
        inner = current.values() if isinstance(current, dict) else current if isinstance(current, list) else ()
        waiting += [(entry, depth + 1) for entry in inner]
        if count + len(waiting) > MAX_JSON_VALUES:
            break
    raise ImportRefused(f"{CONFIG} has too many values; expected at most {MAX_JSON_VALUES:,}.")
