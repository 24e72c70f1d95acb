"""Find a Python that Bursar can run on, wherever this machine keeps its Pythons.

A name on PATH proves nothing (pyenv leaves dead shims, Debian leaves out ensurepip), so each candidate is run once
before it is chosen. Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

PREFERRED = ((3, 13), (3, 12), (3, 14))
"""The Pythons the locks install on, in the order they are taken when there is a choice."""

SYSTEM_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin")
"""Looked into even when PATH leaves them out, as it does for programs started from a desktop."""

PROBE_SECONDS = 20
PROBE = """
import sys, sysconfig, ssl, sqlite3, venv, ensurepip
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(sys.implementation.name, *sys.version_info[:2], int(free_threaded))
"""


class Interpreter(NamedTuple):
    """A Python that was run and can make environments."""

    path: str
    version: tuple[int, int]


def probe(path: str) -> Interpreter | None:
    """Run the Python at `path`; None when it does not start, lacks a module venv needs, or is no standard CPython."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.fullmatch(r"cpython (\d+) (\d+) 0", done.stdout.strip())
    if found is None:
        return None
    return Interpreter(path, (int(found[1]), int(found[2])))


def find_interpreter(private: Path) -> Interpreter | None:
    """The running Python when it is one of PREFERRED, else the most preferred one on this machine, else None.

    `private` is the folder in which an earlier start may have put a Python of its own.
    """
    if sys.version_info[:2] in PREFERRED:
        running = probe(getattr(sys, "_base_executable", sys.executable))
        if running is not None:
            return running
    for version in PREFERRED:
        for path in candidates(version, private):
            found = probe(path)
            if found is not None and found.version == version:
                return found
    return None


def candidates(version: tuple[int, int], private: Path) -> Iterator[str]:
    """Paths at which a Python of this version may be, most likely first, each once, none of them tried."""
    seen: set[str] = set()
    for path in _places(version, private):
        if path.is_file() and str(path) not in seen:
            seen.add(str(path))
            yield str(path)


def _places(version: tuple[int, int], private: Path) -> Iterator[Path]:
    dotted = "%d.%d" % version
    executable = "python%s" % dotted
    for folder in (*os.get_exec_path(), *SYSTEM_FOLDERS):
        yield Path(folder, executable)
    yield Path("/Library/Frameworks/Python.framework/Versions") / dotted / "bin" / executable
    for versions in _version_folders(private):
        for home in _newest_first(versions, dotted):
            yield from (home / "bin" / executable, home / "python.exe")
    yield from _windows_launcher(dotted)


def _version_folders(private: Path) -> Iterator[Path]:
    """Folders that hold one folder a Python: pyenv's, asdf's, mise's, uv's and our own."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    yield from (pyenv / "versions", pyenv / "pyenv-win" / "versions")
    for folder in map(Path, os.get_exec_path()):
        if folder.name == "shims":  # pyenv's, also where its root is not the home's
            yield folder.parent / "versions"
    yield home / ".asdf" / "installs" / "python"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    yield data / "mise" / "installs" / "python"
    yield Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    if "APPDATA" in os.environ:
        yield Path(os.environ["APPDATA"]) / "uv" / "python"
    yield private


def _newest_first(folder: Path, dotted: str) -> list[Path]:
    """The folders named 3.13, 3.13.2, cpython-3.13.2-linux… in `folder`, the highest patch version first."""
    name = re.compile(r"(?:cpython-)?%s(?:\.(\d+))?(?:-.*)?" % re.escape(dotted))
    try:
        named = [(name.fullmatch(entry.name), entry) for entry in folder.iterdir()]
    except OSError:
        return []
    found = [(int(match[1] or 0), entry) for match, entry in named if match]
    return [entry for _, entry in sorted(found, reverse=True)]


def _windows_launcher(dotted: str) -> Iterator[Path]:
    launcher = shutil.which("py") if os.name == "nt" else None
    if launcher is None:
        return
    command = [launcher, "-" + dotted, "-c", "import sys; print(sys.executable)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        yield Path(done.stdout.strip())


def fetch_interpreter(private: Path) -> Interpreter | None:
    """Let uv bring a Python into the folder `private`, uv too being installed there if need be; None if it fails."""
    uv = shutil.which("uv") or _install_uv(private / "uv")
    if uv is None:
        return None
    version = "%d.%d" % PREFERRED[0]
    environment = dict(os.environ, UV_PYTHON_INSTALL_DIR=str(private), UV_PYTHON_DOWNLOADS="automatic")
    command = [uv, "python", "install", "--no-bin", version]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    for path in candidates(PREFERRED[0], private):
        found = probe(path)
        if found is not None:
            return found
    return None


def _install_uv(folder: Path) -> str | None:
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    for command in ([sys.executable, "-m", "venv", str(folder)], [str(scripts / "pip"), "install", "--quiet", "uv"]):
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except OSError:
            return None
        if done.returncode != 0:
            return None
    return shutil.which("uv", path=str(scripts))


def advice() -> str:
    """What to install on this system to get a Python that Bursar runs on: one line."""
    wanted = "Bursar needs Python 3.12, 3.13 or 3.14 with venv, and none was found or could be fetched. "
    if sys.platform == "darwin":
        return wanted + "Install one: brew install python@3.13 (or the installer from python.org), then start again."
    if os.name == "nt":
        return wanted + "Install one: winget install Python.Python.3.13, then start again."
    for tool, command in LINUX_COMMANDS.items():
        if shutil.which(tool):
            return wanted + "Install one: " + command + ", then start again."
    return wanted + "Install one with your system's package manager or with pyenv, then start again."


LINUX_COMMANDS = {
    "apt-get": "sudo apt install python3.13 python3.13-venv (Debian 13, Ubuntu 25.04 and later; "
    "python3.12 python3.12-venv on Ubuntu 24.04; on older ones pyenv install 3.13)",
    "dnf": "sudo dnf install python3.13",
    "pacman": "sudo pacman -S python",
    "zypper": "sudo zypper install python313",
}
