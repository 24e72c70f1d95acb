"""What a cap that is being typed would have done: asked a moment after the typing stops."""

from datetime import UTC, datetime

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout

from app.core.caps import Cap
from app.core.errors import AppError
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.cap_preview import Preview, read_preview
from app.desktop.widgets.ground import Ground
from app.desktop.widgets.text import Text

_TYPING_MS = 300
_HEIGHT = 56
_NOTHING = "Write a limit to see what it would have stopped."


class PreviewBand(Ground):
    """Two lines in a well, of one height whatever they say."""

    def __init__(self, commands: Commands) -> None:
        super().__init__("window")
        self._question = commands.questions.new(self)
        self._cap: Cap | None = None
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._ask)
        self._now, self._before = Text("", wraps=True), Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self.setMinimumHeight(_HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(2)
        column.addWidget(self._now)
        column.addWidget(self._before)
        column.addStretch(1)

    def try_cap(self, cap: Cap | None) -> None:
        """Try this one, soon; None where what is typed is no cap yet."""
        self._cap = cap
        self._typing.start()

    @property
    def words(self) -> str:
        """What it says."""
        return " ".join(part for part in (self._now.text(), self._before.text()) if part)

    def _ask(self) -> None:
        cap = self._cap
        if cap is None:
            self._show(Preview(_NOTHING, ""))
            return
        now = datetime.now(UTC)
        self._question.ask(
            lambda: lambda ledger, go_on: read_preview(ledger, cap, now, go_on),
            self._show, self._show_failure, at_once=True,
        )  # fmt: skip

    def _show(self, preview: Preview) -> None:
        self._now.setText(preview.now)
        self._before.setText(preview.before)

    def _show_failure(self, error: AppError) -> None:
        self._show(Preview(error.title, error.message))
