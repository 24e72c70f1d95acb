"""A line on top of the window, with buttons that deal with it."""

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QHBoxLayout

from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import Ground
from app.desktop.widgets.text import Text

MARGIN = 24


class Notice(Ground):
    """Hidden until it has something to tell."""

    def __init__(self, acts: Mapping[str, Callable[[], object]], *, ground: str = "at_band") -> None:
        super().__init__(ground)
        self._text = Text("", wraps=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 8, MARGIN, 8)
        row.setSpacing(8)
        row.addWidget(self._text, 1)
        self.buttons = {verb: button(verb, act) for verb, act in acts.items()}
        for made in self.buttons.values():
            row.addWidget(made)
        self.hide()

    def tell(self, words: str) -> None:
        """Show these words until hidden."""
        self._text.setText(words)
        self.show()

    @property
    def words(self) -> str:
        """What it says."""
        return self._text.text()
