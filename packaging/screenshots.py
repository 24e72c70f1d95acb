"""Draws every window, dialog and menu and the tray icon from sample ledgers. Needs no screen.

Run with the project's interpreter. Without a folder it draws the README's pictures, into resources/screenshots; with
one it draws all that the options leave: light and dark, at 1x and 2x, at two sizes, for an empty ledger, a normal one,
and one with absurd names and amounts. The same program draws the same bytes each time.
"""

# ruff: noqa: E402 - the project is found before anything of it is imported

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from app.desktop.theme import ThemeSwitch
from app.services.settings import Theme
from picture_scenes import SCENES, Scene
from picture_small_scenes import SMALL_SCENES
from picture_stage import KINDS, NORMAL, Shelf, Stage, save
from sample_ledgers import NOW
from stillness import stand_still

ALL = (*SCENES, *SMALL_SCENES)
SIZES = ((1024, 700), (1920, 1080))
README_SIZE = (1120, 740)
README = (
    *("overview", "overview-day", "sessions", "caps", "cap-editor", "approvals", "keys", "prices", "settings"),
    *("doctor", "first-run", "popover", "tray-icon"),
)
_ONE_FOR_ALL = ("tray-icon", "tray-icon-sizes")
"""Pictures that show both kinds of panel at once."""


@dataclass(frozen=True)
class Wish:
    """What to draw. `is_readme` leaves everything but name and theme out of the files' names."""

    folder: Path
    only: tuple[str, ...]
    themes: tuple[Theme, ...]
    sizes: tuple[tuple[int, int], ...]
    kinds: tuple[str, ...]
    scale: int
    is_readme: bool = False

    def wants(self, name: str) -> bool:
        """Whether a picture of this name is asked for."""
        return any(fnmatchcase(name, pattern) for pattern in self.only)

    def file(self, name: str, kind: str, theme: Theme, size: tuple[int, int] | None) -> Path:
        """Where it goes: `overview-normal-dark-1024x700@2x.png`; for the README `overview-dark.png`."""
        themed = () if name in _ONE_FOR_ALL else (str(theme),)
        if self.is_readme:
            return self.folder / ("-".join((name, *themed)) + ".png")
        sized = (f"{size[0]}x{size[1]}",) if size else ()
        return self.folder / ("-".join((name, kind, *themed, *sized)) + f"@{self.scale}x.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw what is asked for; returns the exit status. A process has one scale for its life, so each has its own."""
    options = read_options(arguments)
    if len(options.scale) > 1:
        given = list(sys.argv[1:] if arguments is None else arguments)
        return max(
            subprocess.run([sys.executable, __file__, *given, "--scale", str(scale)], check=False).returncode
            for scale in options.scale
        )
    wish = wish_of(options)
    wish.folder.mkdir(parents=True, exist_ok=True)
    count = draw(wish)
    print(f"{count} pictures in {wish.folder}")
    return 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; one that is wrong ends the program with what it may be."""
    parser = argparse.ArgumentParser(prog="screenshots.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=a_folder, help="where to; without it the README's are drawn")
    parser.add_argument("--only", action="append", type=a_name, metavar="NAME", help="a picture's name; * is any text")
    parser.add_argument("--theme", action="append", choices=["light", "dark"])
    parser.add_argument("--size", action="append", type=a_size, metavar="WIDTHxHEIGHT")
    parser.add_argument("--scale", action="append", type=int, choices=[1, 2])
    parser.add_argument("--ledger", action="append", choices=KINDS)
    parser.add_argument("--list", action="store_true", help="the names of all pictures")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(name for scene in ALL for name in scene.names))
        raise SystemExit(0)
    if options.folder is None and any((options.size, options.scale, options.ledger)):
        parser.error("the README's pictures have one size, scale and ledger: name a folder as well")
    options.scale = options.scale[-1:] if options.scale else [2] if options.folder is None else [1, 2]
    return options


def a_folder(text: str) -> Path:
    """A folder to draw into. An option spelled wrong is none, nor is a file."""
    if text.startswith("-") or Path(text).is_file():
        raise argparse.ArgumentTypeError(f"“{text}” is no folder")
    return Path(text)


def a_name(text: str) -> str:
    """A picture's name, or a pattern that some picture's name fits."""
    if not any(fnmatchcase(name, text) for scene in ALL for name in scene.names):
        raise argparse.ArgumentTypeError(f"no picture is called “{text}”; --list tells their names")
    return text


def a_size(text: str) -> tuple[int, int]:
    """`1024x700`."""
    width, times, height = text.partition("x")
    if not times or not width.isdecimal() or not height.isdecimal() or not int(width) or not int(height):
        raise argparse.ArgumentTypeError(f"“{text}” is no size such as 1024x700")
    return int(width), int(height)


def wish_of(options: argparse.Namespace) -> Wish:
    """What these options ask for."""
    is_readme = options.folder is None
    return Wish(
        options.folder or PROJECT / "resources" / "screenshots",
        tuple(options.only or (README if is_readme else ("*",))),
        tuple(Theme(name) for name in options.theme or ("light", "dark")),
        (README_SIZE,) if is_readme else tuple(options.size or SIZES),
        (NORMAL,) if is_readme else tuple(options.ledger or KINDS),
        options.scale[0], is_readme,
    )  # fmt: skip


def draw(wish: Wish) -> int:
    """Draw it. Returns how many pictures there are now."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QT_SCALE_FACTOR"] = str(wish.scale)
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication(sys.argv[:1])
    app.setCursorFlashTime(0)
    set_font(app)
    stand_still(NOW)
    switch = ThemeSwitch(app, Theme.LIGHT)
    count = 0
    with tempfile.TemporaryDirectory() as home:
        shelf = Shelf(Path(home))
        for theme in wish.themes:
            switch.choose(theme)
            for scene, stage in stages(wish, shelf):
                count += take(wish, scene, stage, theme)
        shelf.close()
    return count


def stages(wish: Wish, shelf: Shelf) -> Iterator[tuple[Scene, Stage]]:
    """Each scene that shows something wanted, for each kind of ledger and each size."""
    for kind in wish.kinds:
        for scene in ALL:
            if kind in scene.kinds and any(wish.wants(name) for name in scene.names):
                for size in wish.sizes if scene.is_sized else wish.sizes[:1]:
                    yield scene, Stage(shelf, kind, size)


def take(wish: Wish, scene: Scene, stage: Stage, theme: Theme) -> int:
    """Take the wanted pictures of a scene. Returns how many."""
    count = 0
    for name, widget in scene.show(stage):
        assert name in scene.names, f"{name} is not announced"
        if wish.wants(name):
            save(widget, wish.file(name, stage.kind, theme, stage.size if scene.is_sized else None))
            count += 1
    return count


def set_font(app: QApplication) -> None:
    """Inter at 13 pixels where it is installed, as in the design's pictures."""
    font = QFont("Inter" if "Inter" in QFontDatabase.families() else app.font().family())
    font.setPixelSize(13)
    app.setFont(font)


if __name__ == "__main__":
    raise SystemExit(main())
