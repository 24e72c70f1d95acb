import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import environment
from environment import EnvironmentFailed, child_environment, held, is_ready, make, python_in, stamp_of

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1"
"""
BACKEND = """
import zipfile


def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/small-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small_was_here.py", "")
        wheel.writestr("small-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n")
        wheel.writestr("small-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("small-1.dist-info/RECORD", "")
    return "small-1-py3-none-any.whl"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose locks are empty, so that nothing is asked of an index."""
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging" / "requirements.lock").write_text("# runtime\n")
    (tmp_path / "packaging" / "requirements-dev.lock").write_text("# dev\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    return tmp_path


def make_small(checkout: Path, kind: str = "runtime") -> Path:
    place = checkout / ".venv"
    make(checkout, place, kind, sys.executable, lambda line: None)
    return place


def pretend_made(checkout: Path, kind: str) -> Path:
    """An environment by its looks: made in no time, for what only reads the stamp."""
    place = checkout / ".venv"
    python_in(place).parent.mkdir(parents=True)
    python_in(place).touch()
    (place / "pyvenv.cfg").write_text("home = somewhere\nversion = 3.13.0\n")
    (place / environment.STAMP).write_text(stamp_of(checkout, place, kind))
    return place


def test_a_made_environment_is_ready_and_holds_the_project(checkout: Path) -> None:
    place = make_small(checkout)

    assert is_ready(checkout, place, "runtime")
    assert list(place.rglob("small_was_here.py"))


def test_a_failed_making_leaves_nothing_that_counts_as_ready(checkout: Path) -> None:
    (checkout / "backend.py").write_text("raise SystemExit('broken')")

    with pytest.raises(EnvironmentFailed, match="installing Bursar itself failed"):
        make_small(checkout)

    assert python_in(checkout / ".venv").exists()
    assert not is_ready(checkout, checkout / ".venv", "runtime")


def test_an_environment_that_could_not_be_added_to_is_not_used_any_more(checkout: Path) -> None:
    place = pretend_made(checkout, "runtime")

    with pytest.raises(EnvironmentFailed, match="installing failed"):
        make(checkout, place, "dev", sys.executable, lambda line: None)

    assert python_in(place).exists()
    assert not is_ready(checkout, place, "runtime")


def test_the_test_tools_are_added_to_the_environment_that_is_there(checkout: Path) -> None:
    place = make_small(checkout)
    (place / "kept").touch()

    make_small(checkout, "dev")

    assert is_ready(checkout, place, "dev")
    assert (place / "kept").exists()


def test_a_python_that_does_not_start_is_told_as_a_failed_step(checkout: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="making the environment failed"):
        make(checkout, checkout / ".venv", "runtime", str(checkout / "no-python"), lambda line: None)


@pytest.mark.parametrize(("made", "asked", "usable"), [
    ("runtime", "runtime", True),
    ("dev", "dev", True),
    ("dev", "runtime", True),
    ("runtime", "dev", False),
])  # fmt: skip
def test_the_tests_environment_runs_bursar_but_not_the_other_way(
    checkout: Path, made: str, asked: str, usable: bool
) -> None:
    place = pretend_made(checkout, made)

    assert is_ready(checkout, place, asked) is usable


def test_a_changed_lock_asks_for_a_new_environment(checkout: Path) -> None:
    place = pretend_made(checkout, "runtime")
    (checkout / "packaging" / "requirements.lock").write_text("# other pins\n")

    assert not is_ready(checkout, place, "runtime")


def test_another_python_in_the_environment_asks_for_a_new_one(checkout: Path) -> None:
    place = pretend_made(checkout, "runtime")
    (place / "pyvenv.cfg").write_text("version = 3.12.1\n")

    assert not is_ready(checkout, place, "runtime")


def test_a_python_that_is_gone_asks_for_a_new_environment(checkout: Path) -> None:
    place = pretend_made(checkout, "runtime")
    python_in(place).unlink()
    python_in(place).symlink_to(checkout / "uninstalled")

    assert not is_ready(checkout, place, "runtime")


def test_an_environment_that_was_moved_is_not_used(checkout: Path) -> None:
    place = pretend_made(checkout, "runtime")

    assert not is_ready(checkout, place.rename(checkout / "moved"), "runtime")


def test_children_keep_their_bytecode_and_pip_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "an index")

    variables = child_environment()

    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert "PIP_TARGET" not in variables
    assert variables["PIP_INDEX_URL"] == "an index"


POSIX = pytest.mark.skipif(os.name == "nt", reason="a lock belongs to a process on Windows")


@POSIX
def test_a_start_waits_for_the_pip_that_a_killed_one_left_behind(tmp_path: Path) -> None:
    waiting, said = threading.Event(), []

    def say(line: str) -> None:
        said.append(line)
        waiting.set()

    def second() -> None:
        with held(tmp_path / "lock", say):
            pass

    with held(tmp_path / "lock", say):
        left_behind = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    assert waiting.wait(10)
    left_behind.communicate(b"\n")
    thread.join(10)

    assert not thread.is_alive()
    assert len(said) == 1


@POSIX
def test_a_second_start_waits_for_the_first(tmp_path: Path) -> None:
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with held(tmp_path / "lock", lambda line: waiting.set()):
            entered.set()

    with held(tmp_path / "lock", lambda line: None):
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        assert waiting.wait(10)
        assert not entered.is_set()
    assert entered.wait(10)
    thread.join(10)
