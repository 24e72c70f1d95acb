import os
import subprocess
import sys
from pathlib import Path

import pytest

import environment
import interpreters
import run
import system_libraries
from system_libraries import Need

LAUNCHER = Path(run.__file__)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A launcher whose libraries and environment are ready; returns the command lines it hands to Bursar."""
    lines: list[list[str]] = []

    def become(arguments: list[str]) -> int:
        lines.append(arguments)
        return 0

    for name in ("BURSAR_HEADLESS", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(system_libraries, "missing", lambda needs: [])
    monkeypatch.setattr(environment, "is_ready", lambda *place: True)
    monkeypatch.setattr(run, "become_bursar", become)
    return lines


def test_the_launcher_starts_as_a_script_and_explains_itself() -> None:
    done = subprocess.run([sys.executable, str(LAUNCHER), "--help"], capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert "demo [--headless]" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["dmeo"]])
def test_an_unknown_command_gets_the_usage_and_an_exit_code(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(arguments) == 2
    assert "packaging/run.py test" in capsys.readouterr().out


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which one of Qt's libraries is missing and cannot be installed."""
    absent = Need("libnowhere.so.7", "libnowhere7", "nowhere", "nowhere", "nowhere")
    monkeypatch.setattr(system_libraries, "install", lambda needs, say: [absent])


def test_the_demo_shows_windows_where_there_is_a_screen(started: list[list[str]]) -> None:
    assert run.main(["demo"]) == 0
    assert started == [["demo"]]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_the_demo_is_told_as_text_where_there_is_no_screen(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY")

    assert run.main(["demo"]) == 0
    assert started == [["demo", "--headless"]]
    assert "no screen found" in capsys.readouterr().err


def test_the_demo_is_told_as_text_when_the_variable_says_so(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HEADLESS", "1")

    assert run.main(["demo"]) == 0
    assert started == [["demo", "--headless"]]
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("lacking")
def test_a_demo_with_windows_stops_without_their_libraries_and_says_what_to_do(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["demo"]) == 1
    shown = capsys.readouterr().err
    assert "missing libnowhere.so.7" in shown
    assert "demo --headless" in shown
    assert started == []


@pytest.mark.usefixtures("lacking")
@pytest.mark.parametrize("arguments", [["demo", "--headless"], ["bursar", "run", "--", "claude", "-p"]])
def test_what_opens_no_window_needs_no_libraries(started: list[list[str]], arguments: list[str]) -> None:
    assert run.main(arguments) == 0
    assert started == [arguments if arguments[0] == "demo" else arguments[1:]]


@pytest.mark.usefixtures("lacking")
def test_the_tray_stops_without_the_libraries_of_windows(started: list[list[str]]) -> None:
    assert run.main(["bursar"]) == 1
    assert started == []


def test_without_any_python_it_says_what_to_install_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "CHECKOUT", tmp_path)
    monkeypatch.setattr(run, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(system_libraries, "missing", lambda needs: [])
    monkeypatch.setattr(interpreters, "find_interpreter", lambda private: None)
    monkeypatch.setattr(interpreters, "fetch_interpreter", lambda private: None)

    assert run.main(["bursar", "report"]) == 1
    assert "Bursar needs Python 3.12, 3.13 or 3.14" in capsys.readouterr().err
    assert not (tmp_path / ".venv").exists()


def test_the_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(run, "CHECKOUT", tmp_path)
    monkeypatch.setattr(run, "choose_python", lambda: "a python")
    monkeypatch.setattr(environment, "is_ready", lambda *place: bool(made))
    monkeypatch.setattr(environment, "make", lambda *how: made.append(how[2]))

    run.ready_environment("dev")
    run.ready_environment("dev")

    assert made == ["dev"]


def test_tests_meet_neither_home_nor_session_nor_proxy_of_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "BURSAR_HEADLESS", "https_proxy"):
        monkeypatch.setenv(name, "the person's own")

    monkeypatch.setenv("BURSAR_RECORDINGS", "recordings elsewhere")
    variables = run.test_variables(tmp_path)

    assert variables["BURSAR_RECORDINGS"] == "recordings elsewhere"
    assert "the person's own" not in variables.values()
    assert variables["HOME"] == str(tmp_path)
    assert variables["QT_QPA_PLATFORM"] == "offscreen"
    assert Path(variables["XDG_RUNTIME_DIR"]).stat().st_mode & 0o777 == 0o700 or os.name == "nt"


@pytest.mark.parametrize(("codes", "code"), [([0], 0), ([1, 0], 0), ([1, 1], 1), ([2], 2)])
def test_what_fails_side_by_side_is_run_again_alone(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], code: int
) -> None:
    monkeypatch.setattr(environment, "is_ready", lambda *place: True)
    monkeypatch.setattr(system_libraries, "missing", lambda needs: [])
    monkeypatch.setattr(run, "checks", list)
    asked: list[list[str]] = []

    def run_pytest(arguments: list[str], with_keyring: bool) -> int:
        asked.append(arguments)
        return codes[len(asked) - 1]

    monkeypatch.setattr(run, "run_pytest", run_pytest)
    assert run.main(["test"]) == code
    assert asked == [run.SIDE_BY_SIDE, ["--last-failed", "-v"]][: len(codes)]


def test_checks_fail_together_and_are_named(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(environment, "is_ready", lambda *place: True)
    monkeypatch.setattr(system_libraries, "missing", lambda needs: [])
    monkeypatch.setattr(run, "run_pytest", lambda arguments, with_keyring: 0)
    failing = [sys.executable, "-c", "print('three findings'); raise SystemExit(1)"]
    passing = [sys.executable, "-c", "print('all is well')"]
    monkeypatch.setattr(run, "checks", lambda: [("lint", failing), ("types", passing), ("imports", failing)])

    assert run.main(["test"]) == 1
    shown = capfd.readouterr()
    assert "failed: lint, imports" in shown.err
    assert shown.out.count("three findings") == 2
    assert "all is well" not in shown.out
