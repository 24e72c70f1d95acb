"""What the keeper tells of itself: a file that says that it is there and what it does, and a log.

The file is locked as long as the keeper lives, as every presence beside a ledger is, and holds `name value` lines that
are read by `app.ledger.attendance`.
"""

import fcntl
import os
import time

_PRIVATE = 0o600
_MOST_READ = 1_000_000


class Note:
    """The keeper's file in the folder of those who are present. Raises OSError."""

    def __init__(self, folder: str, gateway_port: int) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, f"keeper-{gateway_port}-{os.getpid()}")
        self._file = os.open(self.path, os.O_CREAT | os.O_RDWR, _PRIVATE)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._told: dict[str, str] = {}

    def write(self, facts: dict[str, str]) -> None:
        """Say what is so now, in the place of what was said before."""
        if facts == self._told:
            return
        self._told = facts
        text = "".join(f"{name} {value}\n" for name, value in facts.items()).encode()
        os.pwrite(self._file, text + b"\0" * max(0, os.fstat(self._file).st_size - len(text)), 0)

    def taken_command(self) -> list[str]:
        """What somebody left beside the file for the next meter, its version and the command that starts it, which may
        be left out; empty where nobody did."""
        try:
            descriptor = os.open(f"{self.path}.command", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return []
        try:
            os.unlink(f"{self.path}.command")
            is_ours = os.fstat(descriptor).st_uid == os.getuid()
            return os.read(descriptor, _MOST_READ).decode().split("\0") if is_ours else []
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """The keeper ends."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass


def any_run(folder: str) -> bool:
    """Whether a run is present in that folder."""
    return any(name.startswith("run-") and _is_held(os.path.join(folder, name)) for name in os.listdir(folder))


def log(path: str, text: str) -> None:
    """Write a line into the log. A log that cannot be written stops nothing."""
    line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {os.getpid()} keeper: {text}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _PRIVATE)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError:
        pass


def _is_held(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
