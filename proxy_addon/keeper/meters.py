"""Starting a meter on sockets that are open, and hearing what it says about its start."""

import fcntl
import os
import signal
import socket
import time

from proxy_addon.keeper import doors

_OUT_OF_THE_WAY = 64
"""Above every descriptor that a meter is given."""
_NOT_STARTED = 127
_MOST_SAID = 65_536


class Meter:
    """A meter's process. `reason` is its line on why it failed, or how it ended, once it has; `said` is what it has
    said so far and nobody read yet."""

    def __init__(self, pid: int, out: int) -> None:
        self.pid = pid
        self.out = out
        self.started_at = time.monotonic()
        self.is_ready = False
        self.reason = b""
        self._said = b""

    def hear(self) -> list[bytes]:
        """The whole lines that have come. To be called when `out` can be read; closes it at its end."""
        heard = os.read(self.out, 4096)
        if not heard:
            self.close()
            return []
        *lines, self._said = (self._said + heard).split(b"\n")
        self._said = self._said[-_MOST_SAID:]
        for line in lines:
            self.is_ready = self.is_ready or b'"event": "ready"' in line
            self.reason = line if b'"event": "failed"' in line else self.reason
        return lines

    def tell(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def note_end(self, status: int) -> None:
        """It has ended, with an exit status or, below 0, by a signal. What it said last is heard first."""
        while self.out >= 0:
            self.hear()
        if not self.reason:
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            self.reason = f'{{"event": "failed", "title": "The meter {how}", "message": ""}}'.encode()

    def close(self) -> None:
        """Listen to it no more."""
        if self.out >= 0:
            os.close(self.out)
        self.out = -1


def start_meter(command: list[str], at: dict[str, socket.socket], keys: bytes) -> Meter:
    """Start one on these sockets. `keys`, where there are any, are handed over through a pipe. Raises OSError."""
    out, says = os.pipe()
    given = [door.fileno() for door in at.values()]
    if keys:
        handed, hands = os.pipe()
        os.write(hands, keys)
        os.close(hands)
        command = [*command, "--keys-from-descriptor", str(doors.FIRST + len(given))]
        given.append(handed)
    pid = os.fork()
    if pid == 0:
        try:
            _become(command, list(at), given, says)
        finally:
            os._exit(_NOT_STARTED)
    os.close(says)
    if keys:
        os.close(handed)
    return Meter(pid, out)


def _become(command: list[str], names: list[str], given: list[int], says: int) -> None:
    """Be the meter from now on: what it is given lies where it looks for it, and nothing else is passed on."""
    signal.set_wakeup_fd(-1)
    os.dup2(says, 1)
    aside = [_moved(descriptor) for descriptor in given]
    for at, descriptor in enumerate(aside):
        os.dup2(descriptor, doors.FIRST + at)
    environment = {**os.environ, **doors.variables_for(os.getpid(), names)}
    os.execve(command[0], command, environment)


def _moved(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY)
