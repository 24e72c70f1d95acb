"""A Secret Service of the tests' own: a private bus and an unlocked GNOME keyring in a throw-away home."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import keyring.backend
import keyring.core
import pytest

BUS_COMMAND = ["dbus-daemon", "--session", "--print-address=1", "--print-pid=1", "--nofork"]


@pytest.fixture
def secret_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An unlocked Secret Service on a bus of its own; the rest of the machine's bus and keyring are out of reach."""
    if shutil.which("gnome-keyring-daemon") is None or shutil.which("dbus-daemon") is None:
        pytest.skip("gnome-keyring and dbus are not installed")
    for name, folder in {"HOME": "home", "XDG_RUNTIME_DIR": "run", "XDG_DATA_HOME": "data"}.items():
        (tmp_path / folder).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "PYTHON_KEYRING_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    bus = subprocess.Popen(BUS_COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert bus.stdout is not None
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    daemon.stdin.write(b"test-password")
    daemon.stdin.close()
    daemon.stdout.readline()  # it tells its control folder once it is up
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    keyring.backend.get_all_keyring.reset()  # what an earlier test has found stays remembered otherwise
    yield
    for process in (daemon, bus):
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
