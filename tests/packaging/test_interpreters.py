import os
import sys
from pathlib import Path

import pytest

import interpreters
from interpreters import Interpreter, advice, candidates, fetch_interpreter, find_interpreter, probe


def fake_python(path: Path, says: str, code: int = 0) -> Path:
    """An executable that prints what a probed Python would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python but those a test puts there; returns its home."""
    if os.name == "nt":
        pytest.skip("the fake Pythons are shell scripts")
    for name in ("PYENV_ROOT", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(interpreters, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(sys, "version_info", (3, 11, 2, "final", 0))
    return tmp_path


def test_the_running_python_is_taken_when_it_fits(tmp_path: Path) -> None:
    found = find_interpreter(tmp_path)

    assert found is not None
    assert found.version == sys.version_info[:2]


def test_a_dead_shim_is_skipped_and_the_pyenv_beside_it_found(bare_machine: Path) -> None:
    fake_python(bare_machine / "bin" / "python3.13", "pyenv: python3.13: command not found", code=127)
    alive = fake_python(bare_machine / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3.13", "cpython 3 13 0")

    assert find_interpreter(bare_machine / "private") == Interpreter(str(alive), (3, 13))


def test_a_pyenv_outside_the_home_is_found_by_its_shims(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bare_machine / "opt" / "shims"))
    alive = fake_python(bare_machine / "opt" / "versions" / "3.12.4" / "bin" / "python3.12", "cpython 3 12 0")

    assert find_interpreter(bare_machine / "private") == Interpreter(str(alive), (3, 12))


def test_3_13_is_preferred_to_what_comes_first_on_path(bare_machine: Path) -> None:
    for minor in (12, 13, 14):
        fake_python(bare_machine / "bin" / f"python3.{minor}", f"cpython 3 {minor} 0")

    found = find_interpreter(bare_machine / "private")

    assert found is not None
    assert found.version == (3, 13)


def test_the_newest_patch_version_of_a_folder_comes_first(bare_machine: Path) -> None:
    for name in ("3.13.9", "3.13.10", "3.12.99"):
        fake_python(bare_machine / ".pyenv" / "versions" / name / "bin" / "python3.13", "cpython 3 13 0")

    found = [Path(path).parent.parent.name for path in candidates((3, 13), bare_machine / "private")]

    assert found == ["3.13.10", "3.13.9"]


@pytest.mark.parametrize("says", ["cpython 3 11 0", "cpython 3 15 0", "pypy 3 13 0", "cpython 3 13 1", ""])
def test_an_unfit_python_is_refused(bare_machine: Path, says: str) -> None:
    """Too old, too new, not CPython, free-threaded, or silent."""
    fake_python(bare_machine / "bin" / "python3.13", says)

    assert find_interpreter(bare_machine / "private") is None


def test_a_python_without_venv_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe(sys.executable) is not None
    monkeypatch.setattr(interpreters, "PROBE", "import no_such_module_as_venv" + interpreters.PROBE)

    assert probe(sys.executable) is None


def test_a_python_fetched_earlier_is_found_again(bare_machine: Path) -> None:
    private = bare_machine / "private"
    fetched = fake_python(private / "cpython-3.13.5-linux-x86_64-gnu" / "bin" / "python3.13", "cpython 3 13 0")

    assert find_interpreter(private) == Interpreter(str(fetched), (3, 13))


def test_uv_is_asked_to_put_a_python_into_the_private_folder(bare_machine: Path) -> None:
    uv = fake_python(bare_machine / "bin" / "uv", "")
    target = '"$UV_PYTHON_INSTALL_DIR/cpython-3.13.5-linux/bin"'
    probed = "printf '#!/bin/sh\\necho cpython 3 13 0\\n'"
    uv.write_text(
        f"#!/bin/sh\nPATH=/usr/bin:/bin\nmkdir -p {target}\n{probed} > {target}/python3.13\n"
        f"chmod +x {target}/python3.13\n"
    )

    found = fetch_interpreter(bare_machine / "private")

    assert found is not None
    assert Path(found.path).is_relative_to(bare_machine / "private")


def test_a_fetch_that_fails_finds_nothing(bare_machine: Path) -> None:
    fake_python(bare_machine / "bin" / "uv", "no network", code=2)

    assert fetch_interpreter(bare_machine / "private") is None


@pytest.mark.parametrize("tool", [None, *interpreters.LINUX_COMMANDS])
def test_the_advice_is_one_line_that_says_what_to_install(bare_machine: Path, tool: str | None) -> None:
    if tool:
        fake_python(bare_machine / "bin" / tool, "")

    line = advice()

    assert "Install one" in line
    assert "\n" not in line
    assert tool is None or interpreters.LINUX_COMMANDS[tool] in line or sys.platform != "linux"
