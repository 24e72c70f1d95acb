"""The libraries and tools of the system that Qt and the tests need on Linux: which are missing, and how to get them.

Wheels bring Qt itself but not what Qt stands on. Found by installing into a minimal Debian 12 until Qt started.
Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterable, NamedTuple


class Need(NamedTuple):
    """A shared library (by soname) or a command, and the package that brings it: Debian, Fedora, Arch, openSUSE."""

    name: str
    apt: str
    dnf: str
    pacman: str
    zypper: str


OFFSCREEN = (  # without these PySide6's QtGui cannot be imported, screen or not
    Need("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd", "libEGL1"),
    Need("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd", "libGL1"),
    Need("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    Need("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig", "libfontconfig1"),
    Need("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
    Need("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
)
X11 = (
    Need("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb", "libx11", "libX11-xcb1"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor", "libxcb-cursor0"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    Need("libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms", "libxcb-keysyms1"),
    Need("libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
    Need(
        "libxcb-render-util.so.0",
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
        "libxcb-render-util0",
    ),
    Need("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    Need("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11", "libxkbcommon-x11-0"),
)
WAYLAND = (Need("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor", "wayland", "libwayland-cursor0"),)
KEYRING_TOOLS = (  # the tests of the OS keyring run in a session of their own
    Need("dbus-run-session", "dbus", "dbus-daemon", "dbus", "dbus-1"),
    Need("gnome-keyring-daemon", "gnome-keyring", "gnome-keyring", "gnome-keyring", "gnome-keyring"),
)
WALL_TOOLS = (  # the tests of the sandbox, and of agents in a network of their own
    Need("bwrap", "bubblewrap", "bubblewrap", "bubblewrap", "bubblewrap"),
    Need("ip", "iproute2", "iproute", "iproute2", "iproute2"),
)
TEAM_TOOLS = (Need("initdb", "postgresql", "postgresql-server", "postgresql", "postgresql-server"),)  # a team's ledger
OUTSIDE_PATH = Path("/usr/lib/postgresql")
"""Where Debian has PostgreSQL's programs: a folder a version, none of them on the path."""

INSTALLERS = {
    "apt": "apt-get install --no-install-recommends",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "zypper": "zypper install",
}


def needs_of_screen(headless: bool) -> tuple[Need, ...]:
    """What Qt needs to show windows here, or to run without any. Nothing outside Linux, where wheels are whole."""
    if not sys.platform.startswith("linux"):
        return ()
    needs: tuple[Need, ...] = OFFSCREEN
    if os.environ.get("DISPLAY") and not headless:
        needs += X11
    if os.environ.get("WAYLAND_DISPLAY") and not headless:
        needs += WAYLAND
    return needs


def missing(needs: Iterable[Need]) -> list[Need]:
    """Those of the needs that cannot be loaded, or for a command not found."""
    return [need for need in needs if not _is_there(need.name)]


def _is_there(name: str) -> bool:
    if ".so" not in name:
        return shutil.which(name) is not None or any(OUTSIDE_PATH.glob("*/bin/" + name))
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install(absent: list[Need], say: Callable[[str], None]) -> list[Need]:
    """Install what is absent where that asks nobody anything (Debian or Ubuntu, as root or with passwordless sudo).

    Returns what is absent still.
    """
    root = _root_command()
    if not absent or root is None or shutil.which("apt-get") is None:
        return absent
    packages = packages_of(absent, "apt")
    say("installing " + " ".join(packages))
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", *step]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    return missing(absent)


def _root_command() -> list[str] | None:
    """What to put before a command to run it as root without a question; None when there is no such way."""
    if os.name == "nt":
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "--non-interactive", "true"], capture_output=True, check=False)
    return ["sudo", "--non-interactive"] if asked.returncode == 0 else None


def packages_of(needs: Iterable[Need], manager: str) -> list[str]:
    """The packages that bring the needs, by this package manager's names, each once."""
    return sorted({getattr(need, manager) for need in needs})


def advice(absent: list[Need]) -> str:
    """What is missing and the command that installs it here: one line."""
    names = ", ".join(need.name for need in absent)
    for manager, command in INSTALLERS.items():
        if shutil.which("apt-get" if manager == "apt" else manager):
            return "missing %s: sudo %s %s" % (names, command, " ".join(packages_of(absent, manager)))
    return "missing %s: install them with your system's package manager" % names
