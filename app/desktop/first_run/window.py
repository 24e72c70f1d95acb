"""The window of the first run: the steps on the left, one of them on the right, Skip always."""

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QDialog, QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.desktop.commands import Commands
from app.desktop.first_run.agents_step import AgentsStep
from app.desktop.first_run.cap_step import CapStep
from app.desktop.first_run.check_step import CheckStep
from app.desktop.first_run.keys_step import KeysStep
from app.desktop.first_run.step import Step
from app.desktop.fonts import MEDIUM, REGULAR, SEMIBOLD, Size, sized
from app.desktop.models.ring_state import RingKind, RingState
from app.desktop.models.snapshot import Snapshot
from app.desktop.theme import tokens_of
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import Ground, Hairline
from app.desktop.widgets.ring import Ring
from app.desktop.widgets.text import Text

SIZE = (780, 500)
SIDE_WIDTH = 220
_MARGIN = 28
_DISC = 21
_PROMISE = (
    "Nothing is sent anywhere but to your model providers. Prompts and answers are not stored; keys stay in the system "
    "keyring."
)


class FirstRun(QDialog):
    """`ended` tells, once, that it was gone through, skipped or closed; with a page of the window to open, empty for
    none. `bursar` is how Bursar is started in a terminal, `since` the moment from which a call is the first."""

    ended = Signal(str)

    def __init__(self, commands: Commands, bursar: str, since: datetime) -> None:
        super().__init__()
        self.setWindowTitle("Set up Bursar")
        self.setFixedSize(*SIZE)
        self._has_ended = False
        self._page = ""
        self.agents, self.keys = AgentsStep(commands, bursar), KeysStep(commands)
        self.cap, self.check = CapStep(commands), CheckStep(commands, bursar, since)
        self.steps: list[Step] = [self.agents, self.keys, self.cap, self.check]
        self._items = [StepItem(number, step.name) for number, step in enumerate(self.steps, start=1)]
        self._stack = QStackedWidget()
        self.skip_button = button("Skip setup", self.close)
        self.back_button = button("Back", self.back)
        self.next_button = button("Continue", self.go_on, kind="primary")
        self.next_button.setDefault(True)
        self.check.seen.connect(self._show_buttons)
        self.check.helped.connect(lambda: self._end("Doctor"))
        self._lay_out()
        self._open(0)

    @property
    def place(self) -> int:
        """Which step is open, from 0."""
        return self._stack.currentIndex()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Let the steps follow what the ledger says."""
        for step in self.steps:
            step.show_snapshot(snapshot)

    def go_on(self) -> None:
        """Do what the open step asks for, then open the next; after the last, Bursar's window."""
        if self.place == len(self.steps) - 1:
            self.steps[-1].leave(lambda: self._end("Overview"))
        else:
            here = self.place
            self.steps[here].leave(lambda: self._open(here + 1))

    def back(self) -> None:
        """Open the step before."""
        self._open(self.place - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes on, save where a command is being typed."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if not (is_enter and self.agents.command.hasFocus()):
            super().keyPressEvent(event)

    def reject(self) -> None:
        """Esc closes it, as its corner does."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """However it is closed, it is not shown by itself again."""
        if not self._has_ended:
            self._has_ended = True
            self.ended.emit(self._page)
        event.accept()  # QDialog would ask reject() and, finding itself open still, hold up whoever quits the program

    def _end(self, page: str) -> None:
        self._page = page
        self.close()

    def _open(self, place: int) -> None:
        agents = self.agents.picked()
        if self.steps[place] is self.keys:
            self.keys.show_agents(agents)
        elif self.steps[place] is self.check:
            self.check.begin(agents, keeps_login=self.keys.keeps_login)
        self._stack.setCurrentIndex(place)
        for number, item in enumerate(self._items):
            item.show_state(is_open=number == place, is_done=number < place)
        self.steps[place].enter()
        self._show_buttons()
        self.next_button.setFocus()

    def _show_buttons(self) -> None:
        is_last = self.place == len(self.steps) - 1
        self.back_button.setVisible(self.place > 0)
        self.skip_button.setVisible(not is_last or self.check.call is None)
        self.next_button.setText("Open Bursar" if is_last else "Continue")
        self.next_button.setAccessibleName(self.next_button.text())

    def _lay_out(self) -> None:
        for step in self.steps:
            self._stack.addWidget(step)
        right = QVBoxLayout()
        right.setContentsMargins(36, 28, 36, 20)
        right.setSpacing(12)
        right.addWidget(self._stack, 1)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.skip_button)
        foot.addStretch(1)
        foot.addWidget(self.back_button)
        foot.addWidget(self.next_button)
        right.addLayout(foot)
        ground = Ground("content")
        row = QHBoxLayout(ground)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._side())
        row.addWidget(Hairline(is_upright=True))
        row.addLayout(right, 1)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(ground)

    def _side(self) -> Ground:
        side = Ground("window")
        side.setFixedWidth(SIDE_WIDTH)
        ring = Ring(21)
        ring.show_state(RingState(RingKind.FINE, 0.3))
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(ring)
        head.addWidget(Text("Bursar", size=Size.SECTION, weight=SEMIBOLD))
        head.addStretch(1)
        column = QVBoxLayout(side)
        column.setContentsMargins(_MARGIN, 24, 20, 24)
        column.setSpacing(14)
        column.addLayout(head)
        column.addSpacing(18)
        for item in self._items:
            column.addWidget(item)
        column.addStretch(1)
        column.addWidget(Text(_PROMISE, ink="text_3", size=Size.CAPTION, wraps=True))
        return side


class StepItem(QWidget):
    """A step's number in a disc, and its name."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__()
        self._number, self._name = number, name
        self._is_open = self._is_done = False
        self.setFixedHeight(_DISC + 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_state(self, *, is_open: bool, is_done: bool) -> None:
        """Whether it is the open one, or lies behind."""
        self._is_open, self._is_done = is_open, is_done
        state = "open" if is_open else "done" if is_done else "to come"
        self.setAccessibleName(f"Step {self._number}, {self._name}, {state}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The disc is filled for the open step, its number a check for those that lie behind."""
        tokens = tokens_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        disc = self.rect().toRectF().adjusted(0.5, 0.5, 0, 0)
        disc.setWidth(_DISC - 1)
        disc.setHeight(_DISC - 1)
        painter.setPen(QPen(QColor(tokens.accent if self._is_open else tokens.edge), 1))
        painter.setBrush(QColor(tokens.accent) if self._is_open else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(disc)
        painter.setPen(QColor(tokens.on_accent if self._is_open else tokens.text_2))
        painter.setFont(sized(Size.CAPTION, SEMIBOLD))
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, "✓" if self._is_done else str(self._number))
        painter.setPen(QColor(tokens.text if self._is_open else tokens.text_2))
        painter.setFont(sized(Size.BODY, MEDIUM if self._is_open else REGULAR))
        painter.drawText(self.rect().adjusted(_DISC + 10, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._name)
