"""Draw the program's icon from resources/icons/bursar.svg, in the form that the name of the file asks for:
.png (256 pixels, or as the second argument says), .ico for Windows, .icns for macOS."""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication, QIcon, QImage

SVG = Path(__file__).resolve().parent.parent / "resources" / "icons" / "bursar.svg"
SIZE = 256


def draw(pixels: int) -> QImage:
    """The icon as a square of so many pixels."""
    drawn = QIcon(str(SVG)).pixmap(QSize(pixels, pixels), 1.0).toImage()
    if drawn.isNull():
        raise SystemExit(f"icons: {SVG} cannot be drawn")
    return drawn


def main(arguments: list[str]) -> int:
    """Write the file. Returns the exit status."""
    target = Path(arguments[0])
    application = QGuiApplication.instance() or QGuiApplication(["icons"])
    target.parent.mkdir(parents=True, exist_ok=True)
    is_written = draw(int(arguments[1]) if len(arguments) > 1 else SIZE).save(str(target))
    del application
    return 0 if is_written else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
