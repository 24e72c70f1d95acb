"""Make the one-folder program of a Linux build smaller, and leave to the system what is the system's.

PyInstaller takes along every library that a file names. Those of the desktop must be the running system's own: its
graphics drivers stand on the same ones, and a newer system has newer ones. What is then named by no file is dropped,
and Python's own libraries lose their debugging symbols.
"""

import re
import subprocess
import sys
from pathlib import Path

OF_THE_SYSTEM = re.compile(
    r"lib(?:stdc\+\+|gcc_s|c|m|dl|rt|pthread|glib-2\.0|(?:gthread|gobject|gmodule|gio)-2\.0|dbus-1|fontconfig|freetype|expat|xkbcommon"
    r"|X11|X11-xcb|xcb|Xau|Xdmcp|wayland-\w+|EGL|GL|GLX|OpenGL|GLdispatch|drm|gbm)\.so\.\d+"
)
"""Libraries that packages of the system bring: `packaging/deb.py` names these."""
_NEEDED = re.compile(r"NEEDED\s+(\S+)")


def trim(internal: Path) -> tuple[int, int]:
    """Trim the folder `_internal` of a build. Gives its size before and after, in bytes. Needs objdump and strip."""
    before = size_of(internal)
    for file in internal.glob("*.so*"):
        if OF_THE_SYSTEM.fullmatch(file.name):
            file.unlink()
    for file in unnamed(internal):
        file.unlink()
    remove_dead_links(internal)
    own = [*internal.glob("libpython*.so*"), *internal.glob("python*/lib-dynload/*.so")]
    subprocess.run(["strip", "--strip-unneeded", *map(str, own)], check=True)
    return before, size_of(internal)


def unnamed(internal: Path) -> set[Path]:
    """Libraries at the top of the folder that no file of it leads to."""
    libraries = {file.name: file for file in internal.glob("lib*.so*") if not file.is_symlink()}
    roots = [file for file in internal.rglob("*.so*") if not file.is_symlink() and file.name not in libraries]
    roots += [internal.parent / "bursar", *internal.glob("libpython*.so*")]
    reached: set[str] = set()
    waiting = [file for file in roots if file.is_file()]
    while waiting:
        new = needed_by(waiting) - reached
        reached |= new
        waiting = [libraries[name] for name in sorted(new) if name in libraries]
    return {file for name, file in libraries.items() if name not in reached and not name.startswith("libpython")}


def needed_by(files: list[Path]) -> set[str]:
    """The libraries that these name."""
    told = subprocess.run(["objdump", "-p", *map(str, files)], capture_output=True, text=True, check=False).stdout
    return set(_NEEDED.findall(told))


def remove_dead_links(internal: Path) -> None:
    """Links at what was dropped."""
    for file in list(internal.rglob("*")):
        if file.is_symlink() and not file.exists():
            file.unlink()


def size_of(folder: Path) -> int:
    """All files together, links not followed."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())


if __name__ == "__main__":
    print("trimmed: %d to %d bytes" % trim(Path(sys.argv[1])))
