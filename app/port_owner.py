"""Which program has a port of this machine, asked of the kernel's own tables. Standard library only: the meter's keeper
asks as well. Linux alone tells it without another program's help (proc(5)), and of other users' programs only whose.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LISTENS = "0A"
_MOST_SHOWN = 40
_OWN_METER = b"proxy_addon"
ANOTHER = "Another program"


def port_owner(port: int) -> str:
    """Who listens at this port on loopback or on all addresses, for a sentence: `nginx (process 812)`, `A meter of
    another ledger (process 4)`, `A program of another user`; `Another program` where nobody tells."""
    if sys.platform != "linux":
        return ANOTHER
    try:
        sockets = _listening(port)
        return next((_named(pid) for pid in _processes() if sockets.keys() & _sockets_of(pid)), _of_user(sockets))
    except OSError:
        return ANOTHER


def _listening(port: int) -> dict[str, int]:
    """The sockets that listen there, by their numbers, with whose they are."""
    found = {}
    for table in ("tcp", "tcp6"):
        file = _PROC / "net" / table
        for line in file.read_text("ascii").splitlines()[1:] if file.exists() else ():
            facts = line.split()
            if facts[3] == _LISTENS and int(facts[1].rpartition(":")[2], 16) == port:
                found[facts[9]] = int(facts[7])
    return found


def _processes() -> list[str]:
    return [folder.name for folder in _PROC.iterdir() if folder.name.isdecimal()]


def _sockets_of(pid: str) -> set[str]:
    """None of a process that has gone or is another user's."""
    found = set()
    with suppress(OSError):
        for descriptor in (_PROC / pid / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile, as the one that this list was read by
                link = str(descriptor.readlink())
                found.add(link[8:-1] if link.startswith("socket:[") else "")
    return found - {""}


def _named(pid: str) -> str:
    command = (_PROC / pid / "cmdline").read_bytes()
    if _OWN_METER in command:
        return f"A meter of another ledger (process {pid})"
    name = (_PROC / pid / "comm").read_text("utf-8", "replace").strip()
    shown = "".join(letter for letter in name if letter.isprintable())[:_MOST_SHOWN]
    return f"{shown or 'A program'} (process {pid})"


def _of_user(sockets: dict[str, int]) -> str:
    return "A program of another user" if any(user != os.getuid() for user in sockets.values()) else ANOTHER
