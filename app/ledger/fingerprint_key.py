"""The key that fingerprints of tool arguments are made with.

Arguments are often short (`git status`), so a plain hash of them could be guessed back. The key lies in a file of its
own beside the ledger, with the same rights: whoever has a copy of the ledger alone can compare fingerprints, and learn
nothing from them. A ledger that lost its key goes on with a new one; what came before is then equal to nothing.
"""

import hashlib
import secrets
from functools import lru_cache
from pathlib import Path

from app.ledger import places
from app.ledger.engine import Ledger
from app.whole_file import write_whole

KEY_BYTES = 32
_DIGEST_BYTES = 16


def fingerprint_key(ledger: Ledger) -> bytes:
    """The ledger's key, made where there is none. To be called within a write transaction, so that two meters never
    make two. Raises OSError."""
    file = key_file(ledger)
    try:
        key = _key_in(file, _state_of(file))
    except FileNotFoundError:
        key = b""
    if len(key) != KEY_BYTES:
        key = secrets.token_bytes(KEY_BYTES)
        write_whole(file, key)
    return key


def laptop_id(ledger: Ledger) -> str:
    """What a team knows this ledger by; it tells nothing of the key. Raises LedgerError."""
    with ledger.write():
        return keyed(fingerprint_key(ledger), b"laptop")


def key_file(ledger: Ledger) -> Path:
    """Where a ledger's key lies."""
    return _beside(ledger.path)


_beside = lru_cache(maxsize=8)(places.key_file)


def _state_of(file: Path) -> tuple[int, ...]:
    """What is another whenever a file is replaced or written, which is looked at for each call. Raises OSError."""
    seen = file.stat()
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


@lru_cache(maxsize=8)
def _key_in(file: Path, _state: tuple[int, ...]) -> bytes:
    """What stands in a file, read once for each state of it: a call asks for it twice. Raises OSError."""
    return file.read_bytes()


def keyed(key: bytes, digest: bytes) -> str:
    """A fingerprint that can be stored: 32 hexadecimal digits."""
    return hashlib.blake2b(digest, key=key, digest_size=_DIGEST_BYTES).hexdigest()
