"""One session's waiting calls: why they wait, what they can cost, the answers, the calls."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.desktop.commands import Commands
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.formats import sum_text
from app.desktop.models.approval_view import WaitingGroup, outlook, why
from app.desktop.models.columns import Clock, waiting_columns
from app.desktop.models.rows import Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.widgets.answers import Answers
from app.desktop.widgets.table import CELL_PAD, Table
from app.desktop.widgets.text import ElidedText, Figure, Text, heading
from app.ledger.approval_store import Approval

_TEXT_WIDTH = 560


class ApprovalDetail(QWidget):
    """The right side of the page about one group; `show_group` renders it again as it changes."""

    def __init__(self, group: WaitingGroup, commands: Commands) -> None:
        super().__init__()
        self.key = group.key
        self.answers = Answers(group, commands)
        self._who = ElidedText(group.agent, size=Size.TITLE, weight=SEMIBOLD)
        self._place = ElidedText(group.place, ink="text_2", size=Size.CAPTION)
        self._why = Text("", wraps=True)
        self._why.setTextFormat(Qt.TextFormat.RichText)
        self._why.setMaximumWidth(_TEXT_WIDTH)
        self._most = Figure("most these calls can cost", size=Size.TITLE, weight=MEDIUM)
        self._one = Figure("most for the next call", size=Size.TITLE, weight=MEDIUM)
        self._spent = Figure("spent by this session", size=Size.TITLE, weight=MEDIUM)
        self._without = Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self._clock: Clock | None = None
        self._rows: Rows[Approval] | None = None
        self._column = QVBoxLayout(self)
        self._lay_out()

    def show_group(self, group: WaitingGroup, snapshot: Snapshot) -> None:
        """Render the group as of this reading."""
        call = group.oldest
        self._why.setText(why(call))
        self._most.show_amount(format_usd(group.most_nano_usd))
        self._one.show_amount(format_usd(call.worst_nano_usd))
        spent = [item for item in snapshot.sessions if (item.session, item.agent) == (group.key[0], group.key[1])]
        self._spent.setVisible(bool(spent))
        if spent:
            self._spent.show_amount(sum_text(spent[0].cost_nano_usd, spent[0].unpriced_calls))
        self._without.setText(outlook(group, snapshot.read_at))
        self.answers.update_group(group)
        self._show_calls(group, snapshot)

    def _show_calls(self, group: WaitingGroup, snapshot: Snapshot) -> None:
        if self._rows is None or self._clock is None:
            self._clock = Clock(snapshot.read_at, snapshot.zone)
            self._rows = Rows(waiting_columns(self._clock), lambda ask: ask.approval_id)
            self._column.addWidget(Table(self._rows, name="Waiting calls, oldest first"), 1)
        self._clock.now = snapshot.read_at
        self._rows.update(group.calls)

    def _lay_out(self) -> None:
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        words = QVBoxLayout()
        words.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)  # level with the text in the table's cells
        words.setSpacing(4)
        figures = QHBoxLayout()
        figures.setSpacing(36)
        for figure in (self._most, self._one, self._spent):
            figures.addWidget(figure)
        figures.addStretch(1)
        words.addWidget(self._who)
        words.addWidget(self._place)
        words.addSpacing(12)
        words.addWidget(self._why)
        words.addSpacing(8)
        words.addLayout(figures)
        words.addSpacing(12)
        words.addWidget(self.answers)
        words.addWidget(self._without)
        words.addSpacing(20)
        words.addWidget(heading("Waiting calls"))
        self._column.addLayout(words)
