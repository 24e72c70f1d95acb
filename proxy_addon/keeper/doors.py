"""Listening sockets, and how one process hands them to the next: by the variables that systemd uses (sd_listen_fds(3)),
so that it makes no difference whether a service manager or a keeper opened them.

The descriptors begin at 3; LISTEN_FDS counts them, LISTEN_FDNAMES names them, LISTEN_PID says whom they are for.
"""

import os
import socket

FIRST = 3
BACKLOG = 1024
"""Connections that may wait while there is no meter; the kernel allows as many as its own limit."""
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class CannotListen(Exception):
    """A place that cannot be had; `reason` is the system's."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(reason)
        self.host, self.port, self.reason = host, port, reason


def inherited_doors() -> dict[str, socket.socket]:
    """The listening sockets that this process was started with, by their names; empty where it was given none. They
    are not passed on by chance, and the variables are gone."""
    pid, count, names = (os.environ.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    doors = {}
    for at, name in enumerate(names.split(":")[: int(count)]):
        os.set_inheritable(FIRST + at, False)
        doors[name] = socket.socket(fileno=FIRST + at)
        doors[name].setblocking(False)
    return doors


def open_doors(places: dict[str, tuple[str, int]], given: dict[str, socket.socket]) -> dict[str, socket.socket]:
    """A listening socket for each place, by its name, but for those that were `given`. Raises CannotListen."""
    return {name: given.get(name) or _listening(*place) for name, place in places.items()}


def variables_for(pid: int, names: list[str]) -> dict[str, str]:
    """What tells a process of this id that it was given sockets of these names."""
    return dict(zip(_VARIABLES, (str(pid), str(len(names)), ":".join(names)), strict=True))


def _listening(host: str, port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a meter that died may linger
        door.bind((host, port))
        door.listen(BACKLOG)
        door.setblocking(False)
    except OSError as error:
        door.close()
        raise CannotListen(host, port, error.strerror or "") from None
    return door
