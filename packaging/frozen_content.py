"""What goes into the one-folder program and what stays out: read by `bursar.spec`.

Nothing of Bursar leads to what is left out, and `packaging/smoke.py` runs the program without it.
"""

import tomllib
from pathlib import Path

type Entry = tuple[str, str, str]
"""PyInstaller's own: name in the folder, file it comes from, kind."""

WITH_METADATA = ("bursar", "genai-prices", "keyring", "mcp", "mitmproxy")
"""Packages that are asked for their version, or tell by it where to look."""
RESOURCES = ("demo", "prices", "release")
EXCLUDED = (
    "tkinter",
    "setuptools",
    "pytest",
    *(f"PySide6.Qt{name}" for name in ("OpenGL", "OpenGLWidgets", "Test", "DBus")),  # offered to pyqtgraph, not needed
)
DROPPED = (
    "mitmproxy-linux-redirector",  # for a mode that needs root and is not used
    "zstandard/_cffi",  # the slower of two that do the same
    "PySide6/Qt/translations/",  # the interface is in English, Qt's own words in it as well
    "PySide6/Qt/plugins/egldeviceintegrations/",  # screens without a desktop
    "PySide6/Qt/plugins/generic/",
    "PySide6/Qt/plugins/networkinformation/",
    *(f"PySide6/Qt/plugins/platforms/libq{name}" for name in ("eglfs", "linuxfb", "minimal", "vkkhr", "vnc")),
    "PySide6/Qt/plugins/platformthemes/libqgtk3",  # brings GTK with it; Bursar has its own theme
    "PySide6/Qt/lib/libQt6EglF",
)
"""Beginnings of names in the folder."""
OF_A_MACHINE = ("direct_url.json", "RECORD", "INSTALLER", "REQUESTED", "uv_cache.json")
"""Files beside a package's metadata that tell of the machine it was installed on, and nothing of the package."""


def version(checkout: Path) -> str:
    """Bursar's version, from the one place where it stands."""
    return str(tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def resources(checkout: Path) -> list[tuple[str, str]]:
    """Bursar's data, to where `app.paths.resources_folder` looks."""
    return [(str(checkout / "resources" / name), f"app/_resources/{name}") for name in RESOURCES]


def kept(entries: list[Entry]) -> list[Entry]:
    """The entries without what is dropped."""
    return [entry for entry in entries if not is_dropped(entry[0].replace("\\", "/"))]


def is_dropped(name: str) -> bool:
    """Whether a file, by its name in the folder, stays out."""
    return name.startswith(DROPPED) or Path(name).name in OF_A_MACHINE


if __name__ == "__main__":
    print(version(Path(__file__).resolve().parent.parent))
