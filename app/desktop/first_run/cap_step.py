"""The third step: a monthly cap, or none."""

from collections.abc import Callable

from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton

from app.core.caps import Cap
from app.core.errors import InvalidInput
from app.core.money import format_usd, parse_usd
from app.core.tags import Scope
from app.core.windows import Window
from app.desktop.commands import Commands
from app.desktop.first_run.step import Step
from app.desktop.fonts import Size
from app.desktop.models.snapshot import Snapshot
from app.desktop.widgets.amount_field import AmountField
from app.desktop.widgets.text import Text

_AMOUNT_WIDTH = 96
_INDENT = 22
_PAUSES = "The next call waits, and you are asked: approve it once, raise the cap, or refuse."
_NEVER = "Bursar meters and stops nothing for its cost. Caps can be added at any time."


class CapStep(Step):
    """Where there is such a cap already, it is kept as it is."""

    def __init__(self, commands: Commands) -> None:
        super().__init__("A monthly cap", "How much may a month cost?", "It counts the calls of all agents together.")
        self._commands = commands
        self._has_cap = False
        self.amount = AmountField("100.00", least=_AMOUNT_WIDTH)
        self.cap_choice, self.none_choice = QRadioButton("$"), QRadioButton("No cap for now")
        self.choices = QButtonGroup(self)
        self._after = Text("a month, then pause and ask")
        self._meaning = Text(_PAUSES, ink="text_2", size=Size.CAPTION, wraps=True)
        self._lay_out()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """A cap on everything in a month that is there is told, and not asked for again."""
        caps = (status.cap for status in snapshot.caps)
        found = next((cap for cap in caps if (cap.scope, cap.window) == (Scope.EVERYTHING, Window.MONTH)), None)
        self._has_cap = found is not None
        self.amount.setEnabled(found is None)
        self.none_choice.setVisible(found is None)
        if found is not None:
            self.amount.setText(format_usd(found.limit_nano_usd).removeprefix("$"))
            self._meaning.setText("This cap is set already. It can be changed on the Caps page.")

    def leave(self, go_on: Callable[[], None]) -> None:
        """Set the cap."""
        self.error.clear()
        if self._has_cap or self.none_choice.isChecked():
            go_on()
            return
        try:
            limit = parse_usd(self.amount.text())
        except InvalidInput:
            self.error.tell(InvalidInput("A limit is an amount above $0", "Write it like 2.50."))
            return
        cap = Cap("", Scope.EVERYTHING, "", Window.MONTH, limit, time_zone=self._commands.time_zone)
        self._commands.save_cap(cap, self.error.tell, go_on)

    def _lay_out(self) -> None:
        self.cap_choice.setChecked(True)
        self.cap_choice.setAccessibleName("A monthly cap in US dollars")
        self.amount.setAccessibleName("Monthly cap in US dollars")
        self.amount.textEdited.connect(lambda _text: self.cap_choice.setChecked(True))
        for choice in (self.cap_choice, self.none_choice):
            self.choices.addButton(choice)
        row = QHBoxLayout()
        row.setSpacing(8)
        for part in (self.cap_choice, self.amount, self._after):
            row.addWidget(part)
        row.addStretch(1)
        never = Text(_NEVER, ink="text_2", size=Size.CAPTION, wraps=True)
        for note in (self._meaning, never):
            note.setIndent(_INDENT)
        self.content.addLayout(row)
        self.content.addSpacing(4)
        self.content.addWidget(self._meaning)
        self.content.addSpacing(20)
        self.content.addWidget(self.none_choice)
        self.content.addSpacing(2)
        self.content.addWidget(never)
        self.content.addStretch(1)
