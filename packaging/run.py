"""Start Bursar from a checkout with any python3: find a fitting Python, make the environment, run the command.

    python3 packaging/run.py demo [--headless]     see it work, with a played provider and no key
    python3 packaging/run.py bursar [ARGUMENTS]    any command of Bursar; without arguments, the tray
    python3 packaging/run.py test [PYTEST ARGS]    every check; with arguments, pytest with these

Standard library only, Python 3.8 and later. Without a screen, add --headless to demo or set BURSAR_HEADLESS=1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import environment
import interpreters
import system_libraries

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".venv"
PRIVATE_PYTHON = CHECKOUT / ".venv-python"

KEYRING_SESSION = (
    # The password is not a secret: the keyring lives in a folder that is deleted when the tests end.
    'printf throw-away | gnome-keyring-daemon --unlock --components=secrets --daemonize >"$HOME/keyring.log" 2>&1; '
    'exec "$@"'
)

TESTS_FAILED = 1  # pytest's exit code
# Two at a time, or as many as there are cores up to four: most tests wait for processes, and more would starve them.
SIDE_BY_SIDE = ["-n", str(max(2, min(4, os.cpu_count() or 2))), "--dist", "worksteal"]


class CannotStart(Exception):
    """Bursar cannot be started; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Do what the command line asks; returns the exit code."""
    commands = {"demo": run_demo, "bursar": run_bursar, "test": run_tests}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        return commands[arguments[0]](arguments[1:])
    except (CannotStart, environment.EnvironmentFailed) as error:
        say(str(error))
    except KeyboardInterrupt:
        say("stopped")
    return 1


def say(line: str) -> None:
    """One line about what is going on, where it does not mix with a command's output."""
    print("bursar: " + line, file=sys.stderr, flush=True)


def run_demo(arguments: list[str]) -> int:
    """`bursar demo`, told as text when that is asked for or there is no screen."""
    told = "--headless" in arguments
    if not told and os.environ.get("BURSAR_HEADLESS") == "1":
        arguments = [*arguments, "--headless"]
    elif not told and not has_screen():
        say("no screen found, telling the demo as text (as with --headless)")
        arguments = [*arguments, "--headless"]
    if "--headless" not in arguments:
        provide_windows("; without them: demo --headless")
    ready_environment("runtime")
    return become_bursar(["demo", *arguments])


def run_bursar(arguments: list[str]) -> int:
    """Any command of Bursar. Without arguments that is the tray; the others need none of Qt's libraries."""
    if not arguments and has_screen():
        provide_windows("; its commands work without them: bursar --help")
    ready_environment("runtime")
    return become_bursar(arguments)


def has_screen() -> bool:
    """Whether windows can be shown: always outside Linux, there when a display server or a way without one is named."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def provide_windows(otherwise: str) -> None:
    """Make sure of the libraries that Bursar's windows need here. Raises CannotStart, ending with `otherwise`."""
    provide(system_libraries.needs_of_screen(headless=False), "Bursar's windows", otherwise)


def provide(needs: tuple[system_libraries.Need, ...], purpose: str, otherwise: str = "") -> None:
    """Make sure the libraries are there, by installing them where that is allowed. Raises CannotStart."""
    absent = system_libraries.install(system_libraries.missing(needs), say)
    if absent:
        raise CannotStart("for %s, %s%s" % (purpose, system_libraries.advice(absent), otherwise))


def ready_environment(kind: str) -> None:
    """Make the environment unless it is complete and up to date. Raises CannotStart or EnvironmentFailed."""
    if environment.is_ready(CHECKOUT, ENVIRONMENT, kind):
        return
    with environment.held(CHECKOUT / ".venv.lock", say):
        if environment.is_ready(CHECKOUT, ENVIRONMENT, kind):
            return  # made by the start we waited for
        environment.make(CHECKOUT, ENVIRONMENT, kind, choose_python(), say)
    say("the environment is ready")


def choose_python() -> str:
    """The Python to make the environment with, fetched when this machine has none. Raises CannotStart."""
    found = interpreters.find_interpreter(PRIVATE_PYTHON)
    if found is None:
        say("no Python 3.12 to 3.14 found, asking uv for one")
        found = interpreters.fetch_interpreter(PRIVATE_PYTHON)
    if found is None:
        raise CannotStart(interpreters.advice())
    return found.path


def become_bursar(arguments: list[str]) -> int:
    """Run the environment's `bursar` in place of this process, so that signals and its exit code are its own."""
    script = str(environment.script_in(ENVIRONMENT, "bursar"))
    variables = environment.child_environment()
    if os.name == "nt":
        return subprocess.run([script, *arguments], env=variables, check=False).returncode
    sys.stderr.flush()
    os.execve(script, [script, *arguments], variables)


def run_tests(arguments: list[str]) -> int:
    """Every check in order, each run even when one before it failed; with arguments only pytest with these."""
    provide(system_libraries.needs_of_screen(headless=True), "the tests")
    has_keyring = gets_tools(system_libraries.KEYRING_TOOLS, "the OS keyring")
    gets_tools(system_libraries.WALL_TOOLS, "sandboxes and networks")
    gets_tools(system_libraries.TEAM_TOOLS, "the team's ledger")
    ready_environment("dev")
    failed = [] if arguments else [name for name, command in checks() if not passes(name, command)]
    code = run_pytest(arguments or SIDE_BY_SIDE, has_keyring)
    if code == TESTS_FAILED and not arguments:
        say("what failed side by side is run again alone; what passes now depends on the load and wants a look")
        code = run_pytest(["--last-failed", "-v"], has_keyring)
    if failed:
        say("failed: " + ", ".join(failed) + (", pytest" if code else ""))
    return code or bool(failed)


def gets_tools(tools: tuple[system_libraries.Need, ...], subject: str) -> bool:
    """Whether the tools that tests of a subject need on Linux are there, installed if need be."""
    if not sys.platform.startswith("linux"):
        return False
    absent = system_libraries.install(system_libraries.missing(tools), say)
    if absent:
        say("tests of %s are skipped, %s" % (subject, system_libraries.advice(absent)))
    return not absent


def checks() -> list[tuple[str, list[str]]]:
    """The checks that come before the tests, each with its command."""
    python = [str(environment.python_in(ENVIRONMENT)), "-m"]
    return [
        ("format", [*python, "ruff", "format", "--check", "--quiet"]),
        ("lint", [*python, "ruff", "check", "--quiet"]),
        ("types", [*python, "mypy", "app", "proxy_addon", "tests"]),
        ("imports", [str(environment.script_in(ENVIRONMENT, "lint-imports"))]),
        ("packages", [*python, "pip", "check"]),
    ]


def passes(name: str, command: list[str]) -> bool:
    """Run one check from the checkout; whether it found nothing. What it prints is shown only when it did."""
    variables = environment.child_environment()
    done = subprocess.run(
        command, cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    say("%s: %s" % (name, "failed" if done.returncode else "ok"))
    if done.returncode:
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.flush()
    return done.returncode == 0


def run_pytest(arguments: list[str], with_keyring: bool) -> int:
    """Run pytest without windows, in a home and session of its own: no test meets a person's files or keys."""
    command = [str(environment.python_in(ENVIRONMENT)), "-m", "pytest", *arguments]
    if with_keyring:
        command = ["dbus-run-session", "--", "sh", "-c", KEYRING_SESSION, "sh", *command]
    home = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    try:
        return subprocess.run(command, cwd=CHECKOUT, env=test_variables(home), check=False).returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)  # the keyring may still be writing there


def test_variables(home: Path) -> dict[str, str]:
    """The variables for the tests: the person's, with every one that leads to a home, a session or a proxy replaced."""
    led = ("XDG_", "DBUS_", "GNOME_KEYRING", "BURSAR_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    variables = {
        name: value
        for name, value in environment.child_environment().items()
        if not name.upper().startswith(led) or name == "BURSAR_RECORDINGS"
    }
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700)
    variables.update(HOME=str(home), XDG_RUNTIME_DIR=str(runtime), QT_QPA_PLATFORM="offscreen")
    if os.name == "nt":
        variables.update(USERPROFILE=str(home), APPDATA=str(home), LOCALAPPDATA=str(home))
    return variables


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
