"""A Secret Service of the tests' own: a private bus and an unlocked GNOME keyring in a throw-away home."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import keyring.backend
import keyring.core
import pytest

BUS_COMMAND = ["dbus-daemon", "--session", "--print-address=1", "--print-pid=1", "--nofork"]
PASSWORD = b"test-password"
_LOCK = """
import secretstorage
connection = secretstorage.dbus_init()
secretstorage.get_default_collection(connection).lock()
connection.close()
"""


@contextmanager
def running_secret_service(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """An unlocked Secret Service on a bus of its own; the rest of the machine's bus and keyring are out of reach."""
    if shutil.which("gnome-keyring-daemon") is None or shutil.which("dbus-daemon") is None:
        pytest.skip("gnome-keyring and dbus are not installed")
    for name, place in {"HOME": "user", "XDG_RUNTIME_DIR": "run", "XDG_DATA_HOME": "data"}.items():
        (folder / place).mkdir(mode=0o700)
        patch.setenv(name, str(folder / place))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "PYTHON_KEYRING_BACKEND"):
        patch.delenv(name, raising=False)
    bus = subprocess.Popen(BUS_COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert bus.stdout is not None
    patch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    daemon.stdin.write(PASSWORD)
    daemon.stdin.close()
    daemon.stdout.readline()  # it tells its control folder once it is up
    patch.setattr(keyring.core, "_keyring_backend", None)
    _forget_what_was_found()
    try:
        yield
    finally:
        _forget_what_was_found()
        for process in (daemon, bus):
            os.kill(process.pid, signal.SIGTERM)
            process.wait(timeout=10)
            assert process.stdout is not None
            process.stdout.close()


def _forget_what_was_found() -> None:
    """The keyrings that were found stay remembered otherwise, in this test and the next."""
    with suppress(KeyError):
        keyring.backend.get_all_keyring.reset()


def lock_keyring() -> None:
    """Lock it, as a person does who leaves."""
    subprocess.run([sys.executable, "-c", _LOCK], check=True, timeout=30)


def unlock_keyring() -> None:
    """Unlock it with the password, as a person does without a desktop: by a service in the place of the locked one."""
    command = ["gnome-keyring-daemon", "--replace", "--unlock", "--components=secrets"]
    subprocess.run(
        command, input=PASSWORD, check=True, timeout=30, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
