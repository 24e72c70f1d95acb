"""Starting Bursar at login: an XDG autostart entry on Linux, a launch agent on macOS, a command file in the Startup
folder on Windows. Each is one file of ours, written whole and removed whole.

None was tried on macOS and Windows; what is written there is held against their documentation by tests.
"""

import plistlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.core.errors import InvalidInput
from app.paths import HOME_VARIABLE
from app.whole_file import write_whole

_LABEL = "dev.bursar.tray"
_READABLE = 0o644
_QUOTED = '"`$\\'


def autostart_file(environment: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Where the entry stands; None on a system where it cannot be made here, and for a Bursar whose files are kept
    apart (`BURSAR_HOME`, as in the demo): what starts at login would be another one."""
    if environment.get(HOME_VARIABLE):
        return None
    home = Path(environment.get("HOME") or Path.home())
    if platform == "darwin":
        return home / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
    if platform == "win32":
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        return roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Startup" / "Bursar.cmd"
    if platform == "linux":
        return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "autostart" / "bursar.desktop"
    return None


def starts_at_login(file: Path) -> bool:
    """Whether the entry is there and in force: desktops switch one off by a line in it."""
    try:
        lines = file.read_text("utf-8", errors="replace").replace(" ", "").lower().splitlines()
    except OSError:
        return False
    return "hidden=true" not in lines and "x-gnome-autostart-enabled=false" not in lines


def start_at_login(file: Path, command: Sequence[str]) -> None:
    """Write the entry for this command, absolute and without a shell. Raises InvalidInput."""
    content = _FORMS.get(file.suffix, _desktop_entry)(command)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content, _READABLE)
    except OSError as error:
        raise _unwritable(file, error) from None


def stop_at_login(file: Path) -> None:
    """Remove the entry. No error where there is none. Raises InvalidInput."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from None


def _desktop_entry(command: Sequence[str]) -> bytes:
    """Desktop Entry Specification 1.5, and its rules for quoting in Exec. TryExec: the entry falls still when the
    program is gone."""
    lines = {
        "Type": "Application",
        "Name": "Bursar",
        "Comment": "Meters and caps what coding agents spend",
        "Exec": " ".join(_exec_word(word) for word in command),
        "TryExec": command[0].replace("\\", "\\\\"),
        "Icon": "bursar",
        "Terminal": "false",
        "X-GNOME-Autostart-enabled": "true",
    }
    return "\n".join(["[Desktop Entry]", *(f"{name}={value}" for name, value in lines.items()), ""]).encode()


def _exec_word(word: str) -> str:
    """Quoted for Exec: reserved characters get a backslash, which a value of the file doubles; % doubles too."""
    quoted = "".join(f"\\{letter}" if letter in _QUOTED else letter for letter in word)
    return '"' + quoted.replace("\\", "\\\\").replace("%", "%%") + '"'


def _launch_agent(command: Sequence[str]) -> bytes:
    return plistlib.dumps({"Label": _LABEL, "ProgramArguments": list(command), "RunAtLoad": True})


def _command_file(command: Sequence[str]) -> bytes:
    """For cmd.exe: `start` leaves no window behind, its first quoted word is a title, and % doubles in a file."""
    words = " ".join(f'"{word}"' for word in command).replace("%", "%%")
    return f'@chcp 65001 >nul\r\n@start "" {words}\r\n'.encode()


_FORMS: dict[str, Callable[[Sequence[str]], bytes]] = {".plist": _launch_agent, ".cmd": _command_file}


def _unwritable(file: Path, error: OSError) -> InvalidInput:
    return InvalidInput("Start at login cannot be changed", f"{file}: {error.strerror or type(error).__name__}.")
