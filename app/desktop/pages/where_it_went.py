"""The Overview's lower part: the newest calls, or what was spent by agent, project, team, user or model."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core.tags import Scope
from app.desktop.models.rows import Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.spend_view import SpendLine, spend_columns, spend_lines, stretches
from app.desktop.pages.page import MARGIN
from app.desktop.questions import Questions
from app.desktop.widgets.buttons import Segments
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.table import CELL_PAD, OpeningTable, Table
from app.desktop.widgets.text import Text, heading
from app.ledger.spend import Spend, spend_by

CALLS = "Calls"
_SCOPES = {
    "Agent": Scope.AGENT,
    "Project": Scope.PROJECT,
    "Team": Scope.TEAM,
    "User": Scope.USER,
    "Model": Scope.MODEL,
}

type Sums = tuple[list[Spend], list[Spend]]


class WhereItWent(QWidget):
    """`opened` tells the labels of a row that was opened: what its sessions have in common."""

    opened = Signal(object)

    def __init__(self, questions: Questions, calls: Table, note: Text) -> None:
        super().__init__()
        self._question = questions.new(self)
        self._snapshot: Snapshot | None = None
        self._taken = CALLS
        self._note = note
        self.error = ErrorLine()
        self.segments = Segments([CALLS, *_SCOPES], CALLS, name="Show")
        self.segments.chosen.connect(self.choose)
        self._title = heading(CALLS)
        self._stack = QStackedWidget()
        self._stack.addWidget(calls)
        self.tables = {name: self._made_table(scope) for name, scope in _SCOPES.items()}
        self._lay_out()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Read the sums of the chosen labels again."""
        self._snapshot = snapshot
        self._ask()

    def choose(self, name: str) -> None:
        """Show the calls, or what was spent by these labels."""
        self._taken = name
        self.segments.take(name)
        self._title.setText(CALLS if name == CALLS else "Where it went")
        self._note.setVisible(name == CALLS)
        self._stack.setCurrentIndex([CALLS, *_SCOPES].index(name))
        self._ask(at_once=True)

    def _ask(self, *, at_once: bool = False) -> None:
        scope, snapshot = _SCOPES.get(self._taken), self._snapshot
        if scope is None or snapshot is None:
            return
        now, before = stretches(snapshot.series.range, snapshot.read_at, snapshot.zone)
        rows = self.tables[self._taken][1]

        def show(sums: Sums) -> None:
            self.error.clear()
            rows.update(spend_lines(*sums))

        self._question.ask(
            lambda: lambda ledger, _go_on: (spend_by(ledger, scope, *now), spend_by(ledger, scope, *before)),
            show, self.error.tell, at_once=at_once,
        )  # fmt: skip

    def _made_table(self, scope: Scope) -> tuple[OpeningTable, Rows[SpendLine]]:
        rows: Rows[SpendLine] = Rows(spend_columns(scope), lambda line: line.key)
        rows.setParent(self)
        table = OpeningTable(rows, name=f"Spend by {scope.value}, dearest first")
        table.opened.connect(lambda line: self._open(scope, line))
        self._stack.addWidget(table)
        return table, rows

    def _open(self, scope: Scope, line: SpendLine) -> None:
        if line.key:
            self.opened.emit([(scope, line.key)])

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 12, MARGIN, 4)
        head.setSpacing(12)
        head.addWidget(self._title)
        head.addWidget(self._note)
        head.addStretch(1)
        head.addWidget(self.segments)
        table = QVBoxLayout()
        table.setContentsMargins(MARGIN - CELL_PAD, 0, MARGIN - CELL_PAD, 0)
        table.addWidget(self.error)
        table.addWidget(self._stack)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(table, 1)
