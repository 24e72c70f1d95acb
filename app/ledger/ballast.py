"""A file of a few megabytes that is given up when the disk is full, so that calls on their way can still be settled.

It is made where there is room for it twice, and again when there is room once more. A ballast that was given up stays
as an empty file: so everybody sees that the disk was full, and that nothing new is taken on until it is not.
"""

import os
import shutil
from enum import StrEnum
from pathlib import Path

from app.ledger import places

BALLAST_BYTES = 8 * 2**20
_ROOM_FACTOR = 2
LOW_BYTES = 32 * 2**20
"""With less than this left on its disk, a ledger is soon without room."""


class Room(StrEnum):
    """How much room a ledger has to grow."""

    ENOUGH = "enough"
    LOW = "low"
    FULL = "full"

    @property
    def heading(self) -> str:
        """For a person."""
        return _WORDS[self][0]

    @property
    def meaning(self) -> str:
        """For a person, with what to do; empty when there is enough."""
        return _WORDS[self][1]


_WORDS = {
    Room.ENOUGH: ("There is room on the disk", ""),
    Room.LOW: ("The disk is nearly full", "Calls are refused once they cannot be recorded. Free some space."),
    Room.FULL: ("The disk is full", "Calls are refused until they can be recorded again. Free some space."),
}


def ballast_file(path: Path) -> Path:
    """Where the ballast of the ledger at `path` lies."""
    return places.beside(path, ".ballast")


def room_for(path: Path) -> Room:
    """What is left on a ledger's disk. Enough where the system does not tell."""
    try:
        if ballast_file(path).exists() and ballast_file(path).stat().st_size < BALLAST_BYTES:
            return Room.FULL
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return Room.ENOUGH
    return Room.LOW if free < LOW_BYTES else Room.ENOUGH


def take_on(path: Path) -> bool:
    """Make the ballast where there is room for two of it. True when it is there."""
    file = ballast_file(path)
    try:
        if file.exists() and file.stat().st_size >= BALLAST_BYTES:
            return True
        if shutil.disk_usage(path.parent).free < _ROOM_FACTOR * BALLAST_BYTES:
            return False
        _fill(file)
    except OSError:
        give_up(path)
        return False
    return True


def give_up(path: Path) -> bool:
    """Free the room it takes. True when there was some."""
    file = ballast_file(path)
    try:
        had = file.stat().st_size
        os.truncate(file, 0)
    except OSError:
        return False
    return had > 0


def _fill(file: Path) -> None:
    """With blocks of its own: a hole would keep no room."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, BALLAST_BYTES)
        else:
            stream.write(os.urandom(BALLAST_BYTES))
