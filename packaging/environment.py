"""Bursar's own environment in the checkout: made from a lock, stamped when complete, made anew when the lock changes.

Without a stamp it is never used, so a start that was interrupted leaves nothing behind that could half work.
Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

STAMP = "bursar-stamp"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock", "ship": "requirements-ship.lock"}
REDIRECTS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_NO_COMPILE")
"""Settings of pip that would put the packages somewhere else than into our environment, or leave them uncompiled."""


class EnvironmentFailed(Exception):
    """The environment could not be made; the text says which step failed, the step's own output is above it."""


def python_in(environment: Path) -> Path:
    """The environment's interpreter."""
    return script_in(environment, "python")


def script_in(environment: Path, name: str) -> Path:
    """A command of the environment."""
    if os.name == "nt":
        return environment / "Scripts" / (name + ".exe")
    return environment / "bin" / name


def lock_hash(checkout: Path, kind: str) -> str:
    """The hash of the lock of this kind ("runtime", "dev" or "ship")."""
    return hashlib.sha256((checkout / "packaging" / LOCKS[kind]).read_bytes()).hexdigest()


def base_version(environment: Path) -> str:
    """The major and minor version of the Python the environment was made with, "" when that cannot be read."""
    try:
        lines = (environment / "pyvenv.cfg").read_text("utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() in ("version", "version_info"):
            return ".".join(value.strip().split(".")[:2])
    return ""


def stamp_of(checkout: Path, environment: Path, kind: str) -> str:
    """What the stamp of a complete environment of this kind says. Its scripts name the folder, so it does too."""
    return "%s %s %s\n%s\n" % (kind, base_version(environment), lock_hash(checkout, kind), environment)


def is_ready(checkout: Path, environment: Path, kind: str) -> bool:
    """Whether the environment can be used as it is. One made for the tests also runs Bursar: it has all its pins."""
    if not python_in(environment).exists():
        return False
    try:
        stamp = (environment / STAMP).read_text("utf-8")
    except OSError:
        return False
    kinds = ("runtime", "dev") if kind == "runtime" else (kind,)
    return any(stamp == stamp_of(checkout, environment, usable) for usable in kinds)


def child_environment() -> dict[str, str]:
    """The variables for processes in the environment: ours, less those that lead Python astray or keep it slow."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", *REDIRECTS)
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def make(checkout: Path, environment: Path, kind: str, python: str, say: Callable[[str], None]) -> None:
    """Make the environment of this kind with this Python, in place of whatever is there.

    A complete environment without the test tools is added to instead. Raises EnvironmentFailed.
    """
    grows = kind == "dev" and is_ready(checkout, environment, "runtime")
    with contextlib.suppress(FileNotFoundError):
        (environment / STAMP).unlink()
    if not grows:
        say("making the environment with " + python)
        _remove(environment)
        _run("making the environment", [python, "-I", "-m", "venv", str(environment)])
    say("installing from packaging/%s (about a minute, once)" % LOCKS[kind])
    pip = [str(python_in(environment)), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = [*pip, "install", "-qq", "--no-user", "--no-deps"]
    lock = str(checkout / "packaging" / LOCKS[kind])
    _run("installing", [*install, "--only-binary=:all:", "--require-hashes", "-r", lock])
    _run("installing Bursar itself", [*install, "--no-build-isolation", "--editable", str(checkout)])
    (environment / STAMP).write_text(stamp_of(checkout, environment, kind), "utf-8")


def _remove(environment: Path) -> None:
    if environment.is_symlink() or environment.is_file():
        environment.unlink()
    elif environment.exists():
        shutil.rmtree(environment)


def _run(step: str, command: list[str]) -> None:
    try:
        # Open files go along for the lock's sake, see held().
        done = subprocess.run(command, env=child_environment(), stdout=sys.stderr, close_fds=False, check=False)
    except OSError as error:
        raise EnvironmentFailed("%s failed: %s" % (step, error)) from error
    if done.returncode != 0:
        raise EnvironmentFailed("%s failed (exit code %d), see above" % (step, done.returncode))


@contextlib.contextmanager
def held(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file at `path`, after another start that holds it: no two make the environment at once.

    Its children inherit it, so when a start is killed the pip it leaves behind still holds off the next one.
    """
    with path.open("a") as file:
        os.set_inheritable(file.fileno(), True)
        if not _try_lock(file.fileno(), wait=False):
            say("waiting for another start that is making the environment")
            while not _try_lock(file.fileno(), wait=True):
                pass
        yield


def _try_lock(descriptor: int, wait: bool) -> bool:
    """Lock the open file; the system gives it back when the file is closed, however the process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
