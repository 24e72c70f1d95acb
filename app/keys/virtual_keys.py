"""Virtual keys: what an agent holds in the place of a provider key.

A key is `bsr_`, 32 random base-62 characters (190 bits) and six characters of checksum, so that a mistyped or foreign
key is told from a revoked one without a look into the ledger. The ledger keeps only a fingerprint.
"""

import hashlib
import secrets
import string
import zlib

PREFIX = "bsr_"
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def mint() -> str:
    """A new key from the system's random source."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))
    return PREFIX + secret + _checksum(secret)


def looks_like_virtual_key(text: str) -> bool:
    """Whether prefix, length, alphabet and checksum are those of a virtual key. Says nothing of its being valid."""
    secret = text[len(PREFIX) : -CHECKSUM_LENGTH]
    if not text.startswith(PREFIX) or len(secret) != SECRET_LENGTH or not set(secret) <= set(_ALPHABET):
        return False
    return text[-CHECKSUM_LENGTH:] == _checksum(secret)


def fingerprint(token: str) -> str:
    """SHA-256 of the key, 64 hexadecimal digits: what the ledger keeps and looks up.

    A plain hash is enough: 190 random bits cannot be guessed from it.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _checksum(secret: str) -> str:
    number = zlib.crc32(secret.encode("ascii"))
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits
