"""The blue band about one session's waiting calls, in the popover."""

from datetime import UTC, datetime

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from app.desktop.commands import Commands
from app.desktop.fonts import SEMIBOLD, Size
from app.desktop.models.approval_view import WaitingGroup, outlook, state_words, waited, why
from app.desktop.models.snapshot import Snapshot
from app.desktop.theme import icon, tokens_of
from app.desktop.widgets.answers import Answers
from app.desktop.widgets.ground import Ground
from app.desktop.widgets.text import ElidedText, Text

ICON_SIZE = 16
MARGIN = 16


class ApprovalBand(Ground):
    """Who waits, why, for how long, and the answers. A, S, R and X answer while it has the focus."""

    answered = Signal()
    session_asked = Signal(object)

    def __init__(self, group: WaitingGroup, commands: Commands) -> None:
        super().__init__("paused_band")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.answers = Answers(group, commands)
        self.answers.answered.connect(self.answered)
        self.answers.session_asked.connect(self.session_asked)
        self._hand = QLabel()
        self._title = ElidedText("", weight=SEMIBOLD)
        self._waited = Text("", ink="text_2", size=Size.CAPTION)
        self._why = Text("", wraps=True)
        self._why.setTextFormat(Qt.TextFormat.RichText)
        self._without = Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self._lay_out()
        self._tint()

    def show_group(self, group: WaitingGroup, snapshot: Snapshot) -> None:
        """Show this group as of now; the buttons stay where they are."""
        call, count = group.oldest, len(group.calls)
        said = f"{group.agent} {state_words(group)}" if count == 1 else f"{group.agent}, {count} calls wait"
        self._title.setText(said)
        self._why.setText(why(call))
        self._tell_times(group, snapshot.read_at)
        self.setAccessibleName(f"{said}. {call.cap_name}. {self._without.text()}")
        self.answers.update_group(group)

    def tell_times(self, group: WaitingGroup) -> None:
        """Only the times, as of now."""
        self._tell_times(group, datetime.now(UTC))

    def _tell_times(self, group: WaitingGroup, now: datetime) -> None:
        self._waited.setText(f"waiting {waited(group.oldest, now)}")
        self._without.setText(outlook(group, now))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The answers' keys work on the whole band."""
        self.answers.keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that it has the focus."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show that it has not."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The band, with a focus ring inside."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.fillRect(0, self.height() - 1, self.width(), 1, QColor(tokens_of(self).line))
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens_of(self).accent), 2))
            painter.drawRect(self.rect().adjusted(3, 3, -4, -4))

    def changeEvent(self, event: QEvent) -> None:
        """Tint the icon for a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        self._hand.setPixmap(icon("hand", tokens_of(self).paused_text).pixmap(ICON_SIZE, ICON_SIZE))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 10, MARGIN, 10)
        column.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._hand)
        head.addWidget(self._title, 1)
        head.addWidget(self._waited)
        column.addLayout(head)
        for part in (self._why, self.answers, self._without):
            column.addWidget(part)
