"""How Bursar is started here: by a person in a terminal, by the desktop, and by itself for its other processes.

An installer's Bursar is one frozen program without a Python that could be asked to run a module. Such a program takes
`_part MODULE` in the place of `python -m MODULE` (`packaging/frozen_entry.py`).
"""

import shlex
import shutil
import sys
from pathlib import Path

METER, AUDIT, RELAY = "proxy_addon", "proxy_addon.audit", "app.services.sandbox_relay"
KEEPER = "proxy_addon.keeper"
"""The modules that run as processes of their own."""
PART = "_part"
_NO_PYTHON_PATH_FROM_FOLDER = "-P"


def is_frozen() -> bool:
    """Whether this is an installer's Bursar: one program, with its Python inside."""
    return bool(getattr(sys, "frozen", False))


def part_command(module: str) -> list[str]:
    """The beginning of the command that runs a module of ours as a process of its own.

    The folder it is started in is kept off the module path: it is often somebody's project, and a `queue.py` there
    must not become part of the meter.
    """
    if is_frozen():
        return [sys.executable, PART, module]
    return [sys.executable, _NO_PYTHON_PATH_FROM_FOLDER, "-m", module]


def own_command() -> list[str]:
    """`bursar` where the shell would find it, else with its folder; Python and the module where there is no script."""
    beside = Path(sys.executable).with_name("bursar.exe" if sys.platform == "win32" else "bursar")
    found = shutil.which("bursar")
    if found is not None and (not beside.is_file() or Path(found).resolve() == beside.resolve()):
        return ["bursar"]
    return [str(beside)] if beside.is_file() else [sys.executable, "-m", "app"]


def lasting_command() -> list[str]:
    """The same as a path that holds whatever the PATH is: for what starts Bursar without a shell. An installer on
    Windows brings a second program for that, which opens no console."""
    beside = Path(sys.executable).with_name("bursar-tray.exe")
    if is_frozen() and beside.is_file():
        return [str(beside)]
    command = own_command()
    return [shutil.which(command[0]) or command[0], *command[1:]]


def as_typed(command: list[str]) -> str:
    """The command as it is typed into a shell."""
    return shlex.join(command)
