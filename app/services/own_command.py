"""How a person starts Bursar in a terminal here."""

import shlex
import shutil
import sys
from pathlib import Path


def own_command() -> list[str]:
    """`bursar` where the shell would find it, else with its folder; Python and the module where there is no script."""
    beside = Path(sys.executable).with_name("bursar.exe" if sys.platform == "win32" else "bursar")
    found = shutil.which("bursar")
    if found is not None and (not beside.is_file() or Path(found).resolve() == beside.resolve()):
        return ["bursar"]
    return [str(beside)] if beside.is_file() else [sys.executable, "-m", "app"]


def lasting_command() -> list[str]:
    """The same as a path that holds whatever the PATH is: for what starts Bursar without a shell."""
    command = own_command()
    return [shutil.which(command[0]) or command[0], *command[1:]]


def as_typed(command: list[str]) -> str:
    """The command as it is typed into a shell."""
    return shlex.join(command)
