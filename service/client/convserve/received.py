"""What both clients do with an answer that they have received."""

import json
import os
from pathlib import Path

from convserve.calls import JsonObject
from convserve.errors import ConvserveError


def saved(data: bytes, file: str, to: str | os.PathLike[str] | None) -> Path:
    """Write a downloaded file, and return where it is.

    Args:
        data: its bytes.
        file: its name in the version.
        to: a file or a directory; default: the working directory.
    """
    target = Path(to or file)
    target = target / file if target.is_dir() else target
    target.write_bytes(data)
    return target


def converted(dataset: JsonObject) -> JsonObject:
    """A dataset whose conversion has ended. Raises `ConvserveError` if it failed."""
    if dataset["state"] == "failed":
        raise ConvserveError((dataset.get("error") or {}).get("message", "the pictures make no dataset"))
    return dataset


def is_converting(dataset: JsonObject) -> bool:
    """Whether a dataset, or its next version, is still being made."""
    addition = dataset.get("addition") or {}
    return "converting" in (dataset["state"], addition.get("state"))


def grown(dataset: JsonObject, version: int) -> JsonObject:
    """A dataset that was to get a version. Raises `ConvserveError` if it did not."""
    failed = dataset.get("addition") or {}
    if failed.get("version") == version:
        raise ConvserveError((failed.get("error") or {}).get("message", "the pictures were not added"))
    return converted(dataset)


def rows_of(lines: bytes) -> list[JsonObject]:
    """The objects of JSON lines."""
    return [json.loads(line) for line in lines.splitlines()]
