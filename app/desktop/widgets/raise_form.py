"""Raising a cap's running window, in the place where it is asked."""

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import AppError
from app.core.money import parse_usd
from app.core.windows import zone
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.raise_words import Raisable, suggested_limit, until_choices
from app.desktop.widgets.amount_field import AmountField
from app.desktop.widgets.buttons import button
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.text import Text

_AMOUNT_WIDTH = 66
_LEAST_UNTIL = 8


class RaiseForm(QWidget):
    """`Raise to $ [ 12.00 ] [ until this window ends ]`, with Raise and Cancel. `done` is called after either."""

    def __init__(self, raised: Raisable, commands: Commands, done: Callable[[], None]) -> None:
        super().__init__()
        self._raised = raised
        self._commands = commands
        self._done = done
        self.amount = AmountField(suggested_limit(raised), least=_AMOUNT_WIDTH)
        self.amount.setAccessibleName(f"New limit of {raised.cap_name} in US dollars")
        self.until = Choice()
        self.until.setAccessibleName("Until when")
        self.until.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.until.setMinimumContentsLength(_LEAST_UNTIL)  # the popover has no room for more beside a long amount
        for words, end in until_choices(datetime.now(UTC), zone(commands.time_zone)):
            self.until.addItem(words, end)
        self.error = ErrorLine()
        self.raise_button = button("Raise", self.submit, kind="primary", name=f"Raise {raised.cap_name}")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(Text("Raise to $"))
        row.addWidget(self.amount)
        row.addWidget(self.until, 1)
        column.addLayout(row)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.raise_button)
        buttons.addWidget(button("Cancel", done))
        buttons.addWidget(Text("Then the limit is as before.", ink="text_3", size=Size.CAPTION), 1)
        column.addLayout(buttons)
        column.addWidget(self.error)
        self.amount.setFocus()
        self.amount.selectAll()

    def submit(self) -> None:
        """Raise it to the amount typed."""
        try:
            limit = parse_usd(self.amount.text())
        except AppError as error:
            self.error.tell(error)
            return
        self._commands.raise_window(self._raised, limit, self.until.currentData(), self.error.tell, self._done)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter raises, Esc leaves."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.submit()
        elif event.key() == Qt.Key.Key_Escape:
            self._done()
        else:
            super().keyPressEvent(event)
