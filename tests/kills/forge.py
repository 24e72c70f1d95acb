"""Starts meters at once: a process that has a meter's modules in memory and becomes one, in a child, for each line of
JSON with its arguments. What follows on standard input is the child's until it has ended; what it says goes to standard
output.

The child is the real meter, from its first statement on; only the second that its imports take is spared. To be killed
a thousand times it has to start quickly. As the keeper does, this process holds the meter's listening sockets and hands
them on, so that nobody is refused while there is no meter.
"""

import fcntl
import json
import os
import socket
import sys

from proxy_addon.keeper.doors import FIRST, open_doors, variables_for

_OUT_OF_THE_WAY = 64


def main() -> None:
    """Until standard input closes."""
    import proxy_addon.__main__ as meter

    doors = open_doors(dict.fromkeys(("gateway", "forward"), ("127.0.0.1", 0)), {})
    print(json.dumps({"event": "forge", "port": doors["gateway"].getsockname()[1]}), flush=True)
    while line := read_line():
        child = os.fork()
        if child == 0:
            hand_on(doors)
            sys.argv = ["proxy_addon", *json.loads(line)]
            status = 1
            try:
                status = meter.main()
            finally:
                sys.stdout.flush()
                os._exit(status)
        os.waitpid(child, 0)
        print(json.dumps({"event": "gone"}), flush=True)


def hand_on(doors: dict[str, socket.socket]) -> None:
    """Put the sockets where a meter looks for them."""
    aside = [fcntl.fcntl(door.fileno(), fcntl.F_DUPFD, _OUT_OF_THE_WAY) for door in doors.values()]
    for door in doors.values():
        door.detach()
    for number, descriptor in enumerate(aside):
        os.dup2(descriptor, FIRST + number)
        os.close(descriptor)
    os.environ.update(variables_for(os.getpid(), [*doors]))


def read_line() -> bytes:
    """Byte by byte: what follows is the child's."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


if __name__ == "__main__":
    main()
