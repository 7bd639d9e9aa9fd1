"""The text of a key: `cvs_`, 32 random bytes in base62, and a checksum, by which scanners recognise it."""

import hashlib
import secrets
import string
import zlib

PREFIX = "cvs_"
RANDOM_BYTES = 32
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_CHARACTERS = 43
"""As many as 32 bytes need in base62."""
CHECKSUM_CHARACTERS = 6
"""As many as a CRC-32 needs in base62."""
TOKEN_CHARACTERS = len(PREFIX) + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS


def new_token() -> str:
    """A new key."""
    random = _base62(int.from_bytes(secrets.token_bytes(RANDOM_BYTES)), RANDOM_CHARACTERS)
    return f"{PREFIX}{random}{_checksum(random)}"


def is_well_formed(token: bytes) -> bool:
    """Whether the checksum is right. A token that fails this was never a key of ours and need not be looked up."""
    if len(token) != TOKEN_CHARACTERS or not token.startswith(PREFIX.encode()) or not token.isascii():
        return False
    text = token.decode()
    random = text[len(PREFIX) : -CHECKSUM_CHARACTERS]
    return text[-CHECKSUM_CHARACTERS:] == _checksum(random)


def digest_of(token: bytes) -> bytes:
    """What is stored and compared instead of a key: 256 random bits need no slow hash."""
    return hashlib.sha256(token).digest()


def _checksum(random: str) -> str:
    return _base62(zlib.crc32(random.encode()), CHECKSUM_CHARACTERS)


def _base62(number: int, n_characters: int) -> str:
    digits = []
    for _ in range(n_characters):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
