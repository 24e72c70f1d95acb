"""The quiet line under a running session whose cache is about to end."""

from datetime import datetime

from app.core.sent_input import ColdSoon
from app.desktop.fonts import Size
from app.desktop.models.cold_words import cold_words
from app.desktop.widgets.text import ElidedText


class ColdLine(ElidedText):
    """Takes room only while it has something to say."""

    def __init__(self, cold: ColdSoon, now: datetime) -> None:
        self._cold = cold
        self._words = cold_words(cold, now)
        super().__init__(self._words, ink="text_3", size=Size.CAPTION)
        if not self._words:
            self.hide()

    def tell_time(self, now: datetime) -> bool:
        """Say how long is left. Whether the line came or went."""
        was, self._words = bool(self._words), cold_words(self._cold, now)
        self.setText(self._words)
        if bool(self._words) is was:
            return False
        self.setVisible(bool(self._words))
        return True
