"""Files that are locked as long as somebody lives: the operating system drops the lock the moment its holder dies.

A row or a heartbeat could lie about that; a lock cannot.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_POLL_S = 0.05


class HeldLock:
    """A lock on a file of its own. Keep the object: the lock goes with it. Raises OSError when it is held already."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._path = path
        self._file: IO[bytes] = _opened(path)
        _lock(self._file, exclusive=True)

    def release(self) -> None:
        """Give it up, and the file with it."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def is_held(path: Path) -> bool:
    """Whether a living process holds this lock. Asking takes a shared lock for a moment, so askers do not mislead
    one another."""
    try:
        with path.open("r+b") as file:
            _lock(file, exclusive=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def one_at_a_time(path: Path, patience_s: float) -> Iterator[bool]:
    """Be the only one inside, among all processes that ask for this file; False when that was not to be had in time."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with _opened(path) as file:
        while not (is_inside := _is_locked_now(file)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        yield is_inside


def _is_locked_now(file: IO[bytes]) -> bool:
    try:
        _lock(file, exclusive=True)
    except OSError:
        return False
    return True


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b")


def _lock(file: IO[bytes], *, exclusive: bool) -> None:
    """Lock at once or raise OSError."""
    if sys.platform == "win32":
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
