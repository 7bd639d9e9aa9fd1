"""The only strings that may become part of a path in the store.

Names come from HTTP paths and job requests, so each is matched in full against a short ASCII pattern before a path
is built from it. This module does not know where objects are stored.
"""

import re

from model_store.errors import InvalidName

MODEL_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
ALIAS_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
FILE_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
NUMBER_PATTERN = r"^[1-9][0-9]{0,8}$"

_REST = "starting with a letter or digit, at most 63 characters"
NAME_WORDS = {
    MODEL_PATTERN: f"lower-case letters, digits, - and _, {_REST}",
    ALIAS_PATTERN: f"lower-case letters, digits and -, {_REST}",
    FILE_PATTERN: f"lower-case letters, digits, dots, - and _, {_REST}",
}
"""What the patterns of names mean."""

MANIFEST_FILE = "manifest.json"


def check_model(name: str) -> None:
    """Refuse an invalid model name.

    Raises:
        InvalidName: the name does not match `MODEL_PATTERN`.
    """
    _check(name, "model name", MODEL_PATTERN)


def check_dataset(name: str) -> None:
    """Refuse an invalid dataset name.

    Raises:
        InvalidName: the name does not match `MODEL_PATTERN`, which datasets share.
    """
    _check(name, "dataset name", MODEL_PATTERN)


def check_job(name: str) -> None:
    """Refuse an invalid job id.

    Raises:
        InvalidName: the id does not match `MODEL_PATTERN`, which jobs share.
    """
    _check(name, "job id", MODEL_PATTERN)


def check_key(name: str) -> None:
    """Refuse an invalid name of a key.

    Raises:
        InvalidName: the name does not match `MODEL_PATTERN`, which keys share.
    """
    _check(name, "name of a key", MODEL_PATTERN)


def check_alias(name: str) -> None:
    """Refuse an invalid alias name.

    Raises:
        InvalidName: the name does not match `ALIAS_PATTERN`.
    """
    _check(name, "alias", ALIAS_PATTERN)


def check_file(name: str) -> None:
    """Refuse an invalid name of a published file.

    Raises:
        InvalidName: the name does not match `FILE_PATTERN`, or is the manifest's.
    """
    _check(name, "file name", FILE_PATTERN)
    if name == MANIFEST_FILE:
        raise InvalidName(name, "file name", "a name other than the manifest's")


def is_name(name: str, pattern: str) -> bool:
    """Whether the whole `name` matches (`$` alone would accept a trailing newline)."""
    return re.fullmatch(pattern, name) is not None


def _check(name: str, kind: str, pattern: str) -> None:
    if not is_name(name, pattern):
        raise InvalidName(name, kind, NAME_WORDS[pattern])
