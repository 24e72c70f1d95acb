import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.end2end


def _environment(home: Path, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "person")}
    environment.pop("PYTHONUNBUFFERED", None)  # a person has not set it either, and reads the story as it happens
    return environment


def test_without_a_screen_the_story_is_told_adds_up_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo", "--headless"],
        capture_output=True, text=True, timeout=100, env=_environment(home, tmp_path), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert "Claude Code is paused. billing-api, today has" in told
    assert told.index("> Approved once") < told.index("> Refused.")
    assert "billing-api, today is at 80%" in told
    assert "Claude Code was told: Refused in Bursar" in told
    [total] = re.findall(r"All agents\s+\d+\s+1\s+(\$[\d.]+)", told)
    assert f"The provider's own bill: {total} for" in told
    assert "The ledger agrees to the last digit." in told
    assert "\x1b" not in told
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not home.exists()
    assert not (tmp_path / "person").exists()


def test_a_demo_that_is_broken_off_leaves_nothing(home: Path, tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, we would pass on deaf ears
    running = subprocess.Popen(
        [sys.executable, "-m", "app", "demo", "--headless"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(home, tmp_path),
    )  # fmt: skip
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode != 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_demo_on_a_screen_that_is_ended_by_a_signal_leaves_nothing(home: Path, tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "app", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=_environment(home, tmp_path) | {"QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert running.stdout is not None
    assert "until you quit the tray" in running.stdout.readline()
    deadline = time.monotonic() + 60
    while not any(path.is_socket() for path in (tmp_path / "tmp").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)  # Qt listens there for a second start
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 0, told
    assert list((tmp_path / "tmp").iterdir()) == []
