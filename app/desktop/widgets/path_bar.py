"""Where one is, with a way back at each step: `Sessions / fix retry on 429 / call 31`."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.desktop.fonts import SEMIBOLD, Size
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import clear
from app.desktop.widgets.text import ElidedText, Text

type Step = tuple[str, Callable[[], object]]


class PathBar(QWidget):
    """Links to the steps before, then the name of the last one. Hidden at the beginning of the path."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self.words = ""
        self.hide()

    def show_path(self, steps: Sequence[Step], here: str) -> None:
        """The steps that lead here; none hides it."""
        words = " / ".join([*(name for name, _ in steps), here])
        if words == self.words and self._row.count():
            return
        self.words = words
        clear(self._row)
        self.setVisible(bool(steps))
        for name, go in steps:
            self._row.addWidget(button(_short(name), go, kind="link", name=f"Back to {name}"))
            self._row.addWidget(Text("/", ink="text_3"))
        self._row.addWidget(ElidedText(here, size=Size.SECTION, weight=SEMIBOLD), 1)
        self.setAccessibleName(f"You are at {words}")


_MOST_LETTERS = 40


def _short(name: str) -> str:
    """A name as a link: those of agents' choosing may be long."""
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS // 2]}…{name[-_MOST_LETTERS // 3 :]}"
