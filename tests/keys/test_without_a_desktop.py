"""README's way to a keyring on a machine without a desktop, as it is written there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BURSAR = f"{sys.executable} -m app"
KEY = "sk-ant-not-a-real-key"

pytestmark = pytest.mark.keyring


def readme_lines() -> list[str]:
    """The block under “Without a desktop”."""
    section = (ROOT / "README.md").read_text("utf-8").partition("### Without a desktop\n")[2].partition("\n##")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def in_a_session(home: Path, password: str, *commands: str) -> str:
    """What the commands say after README's first two lines, in a session without a bus."""
    start, unlock, *_ = readme_lines()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBUS", "XDG", "PYTHON_KEYRING"))}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        kept.pop(name, None)
    own = {"HOME": str(home), "BURSAR_HOME": str(home / "bursar"), "XDG_RUNTIME_DIR": str(home / "run")}
    script = "\n".join([f"{unlock} >/dev/null 2>&1", *commands])
    done = subprocess.run(
        [*start.split(), "-c", script],
        input=f"{password}\n{KEY}\n", env=kept | own, cwd=ROOT, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_key_is_kept_under_a_password_and_there_again_in_the_next_session(tmp_path: Path) -> None:
    if shutil.which("gnome-keyring-daemon") is None or shutil.which("dbus-run-session") is None:
        pytest.skip("gnome-keyring and dbus are not installed")
    (tmp_path / "run").mkdir(mode=0o700)
    *_, set_key, serve = readme_lines()
    assert serve == "bursar proxy"
    said = in_a_session(tmp_path, "a password", set_key.replace("bursar", BURSAR, 1))
    assert "The key for anthropic is in the keyring" in said
    ask = f"{sys.executable} -c \"from app.keys.vault import KeyringVault; print(KeyringVault().get('anthropic'))\""
    assert KEY in in_a_session(tmp_path, "a password", ask).splitlines()
    assert "The keyring is locked" in in_a_session(tmp_path, "another password", ask)
