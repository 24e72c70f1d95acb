"""Who is there around a ledger beside its meters: runs that need one, and keepers that see to one.

A run is a `bursar run` with its agent. A keeper starts the meter of its port again when that dies: the process that
holds the meter's sockets (`app.services.keeper`), and a tray or a `bursar proxy`, which see to that one. Each is a
locked file in a folder beside the ledger.
"""

import contextlib
import time
from contextlib import AbstractContextManager
from pathlib import Path

from app.ledger import places
from app.ledger.engine import Ledger
from app.ledger.file_lock import HeldLock, is_held, one_at_a_time
from app.ledger.identifiers import new_id

_STALE_S = 60.0
"""A file this old whose lock is free belongs to nobody who is only just about to take it."""


def attend_run(ledger: Ledger) -> HeldLock:
    """A run is there until the lock is released, or its process ends."""
    return _attend(ledger, "run")


def attend_keeper(ledger: Ledger, gateway_port: int) -> HeldLock:
    """A keeper of the meter at this port is there until the lock is released, or its process ends."""
    return _attend(ledger, f"keeper-{gateway_port}")


def any_run(ledger: Ledger) -> bool:
    """Whether a run lives."""
    return _any(ledger, "run-*")


def has_keeper(ledger: Ledger, gateway_port: int) -> bool:
    """Whether somebody lives who sees to a meter at this port."""
    return _any(ledger, f"keeper-{gateway_port}-*")


def at_the_door(ledger: Ledger, patience_s: float) -> AbstractContextManager[bool]:
    """Where one at a time decides whether a meter is started for runs, or ends without one. False when another was
    there for longer than `patience_s`."""
    return one_at_a_time(_folder(ledger) / "door", patience_s)


def _attend(ledger: Ledger, name: str) -> HeldLock:
    folder = _folder(ledger)
    _forget_the_dead(folder)
    return HeldLock(folder / f"{name}-{new_id()}")


def _any(ledger: Ledger, pattern: str) -> bool:
    return any(is_held(path) for path in _folder(ledger).glob(pattern))


def _forget_the_dead(folder: Path) -> None:
    for path in folder.glob("*-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_S and not is_held(path):
                path.unlink()


def _folder(ledger: Ledger) -> Path:
    return places.attendance_folder(ledger.path)
