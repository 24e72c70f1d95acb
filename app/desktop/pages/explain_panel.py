"""The panel beside the sessions: why one cost what it did, as terms that add up."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.core.session import Session, SessionId
from app.desktop.commands import Commands
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.formats import plural
from app.desktop.models.explanation_view import ExplanationView, Term, explanation_view
from app.desktop.models.session_view import title_of
from app.desktop.models.snapshot import agent_word
from app.desktop.pages.session_chooser import SessionChooser
from app.desktop.widgets.buttons import IconButton, button
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.ground import Hairline, clear, scrolling, widgets_in
from app.desktop.widgets.text import ElidedText, Text, heading
from app.desktop.widgets.waterfall import TermRow
from app.ledger.session_calls import CallWish
from app.services.explanations import Against, SessionExplanation, explain_session

WIDTH = 340
_MARGIN = 20
_TEXT_WIDTH = 560


class ExplainPanel(QWidget):
    """`closed` tells that it was put away, `opened` a session and the calls of it that a term comes from."""

    closed = Signal()
    opened = Signal(object, object)

    def __init__(self, commands: Commands) -> None:
        super().__init__()
        self._commands = commands
        self._question = commands.questions.new(self)
        self._session: Session | None = None
        self._other: SessionId | None = None
        self._is_filling = False
        self.view: ExplanationView | None = None
        self.chooser: SessionChooser | None = None
        self.error = ErrorLine()
        self.against = Choice()
        self.against.setAccessibleName("Compare with")
        self.against.activated.connect(self._choose)
        self.name, self._place = ElidedText(size=Size.SECTION, weight=SEMIBOLD), ElidedText("", ink="text_2")
        self.close_button = IconButton("", "x", self.close_panel, name="Close the explanation")
        self.close_button.setToolTip("Close")
        self._body = QVBoxLayout()
        self.setFixedWidth(WIDTH)
        self._lay_out()
        self.hide()

    def show_session(self, session: Session) -> None:
        """Explain this session against the agent's typical task."""
        self._session, self._other = session, None
        self._is_filling = True
        self.against.clear()
        self.against.addItem(f"Typical {agent_word(session.id.agent)} task", Against.TYPICAL)
        self.against.addItem("Another session…", Against.SESSION)
        self._is_filling = False
        self.name.setText(title_of(session.id))
        self._place.setText(", ".join(part for part in (agent_word(session.id.agent), session.id.project) if part))
        clear(self._body)
        self.view = None
        self.show()
        self.refresh(at_once=True)

    def refresh(self, *, at_once: bool = False) -> None:
        """Ask again."""
        session, other = self._session, self._other
        against = Against(self.against.currentData() or Against.TYPICAL)
        if session is None or self.isHidden():
            return
        self.error.clear()
        self._question.ask(
            lambda: lambda ledger, _go_on: explain_session(ledger, session, against, other),
            self._show, self.error.tell, at_once=at_once,
        )  # fmt: skip

    def close_panel(self) -> None:
        """Put it away."""
        self._session = None
        self.hide()
        self.closed.emit()

    @property
    def session(self) -> Session | None:
        """The session it explains; None while it is closed."""
        return self._session

    @property
    def terms(self) -> list[TermRow]:
        """The rows of the waterfall."""
        return [widget for widget in widgets_in(self._body) if isinstance(widget, TermRow)]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """The terms paint by the theme's tokens."""
        super().changeEvent(event)
        self.update()

    def _show(self, explained: SessionExplanation) -> None:
        view = explanation_view(explained)
        if explained.has_last_run and self.against.findData(Against.LAST_RUN) < 0:
            self.against.insertItem(1, "Its last run", Against.LAST_RUN)
        if view == self.view:
            return
        self.view = view
        had_focus = [row.term.name for row in self.terms if row.hasFocus()]
        clear(self._body)
        self._fill(view)
        for row in self.terms:
            if row.term.name in had_focus:
                row.setFocus()

    def _fill(self, view: ExplanationView) -> None:
        title = heading(view.title)
        title.setWordWrap(True)
        self._body.addWidget(title)
        self._body.addWidget(Text(" ".join(view.sentences), ink="text_2", wraps=True))
        self._body.addSpacing(12)
        if view.base:
            self._body.addLayout(_line(view.base, format_usd(view.base_nano_usd), is_strong=False))
            self._body.addWidget(Hairline())
            self._body.addSpacing(6)
        for term in view.terms:
            row = TermRow(term, view.most_nano_usd)
            row.opened.connect(self._open_term)
            self._body.addWidget(row)
        self._body.addWidget(Hairline())
        self._body.addLayout(_line("This session", format_usd(view.whole_nano_usd), is_strong=True))
        self._body.addSpacing(12)
        self._body.addWidget(Text(view.note, ink="text_3", size=Size.CAPTION, wraps=True))
        self._body.addSpacing(8)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        show = button(f"Show the {plural(view.calls, 'call')}", self._open_all, kind="primary")
        copy = button("Copy as text", self._copy, name=f"Copy the explanation of {view.name} as text")
        for made in (show, copy):
            buttons.addWidget(made)
        buttons.addStretch(1)
        self._body.addLayout(buttons)

    def _choose(self, _index: int) -> None:
        if self._is_filling:
            return
        if self.against.currentData() == Against.SESSION:
            self.chooser = SessionChooser(self._commands, self)
            self.chooser.chosen.connect(self._compare)
            self.chooser.rejected.connect(self._forget_choice)
            self.chooser.open()
        else:
            self._other = None
            self.refresh(at_once=True)

    def _compare(self, other: SessionId) -> None:
        self._other = other
        self.refresh(at_once=True)

    def _forget_choice(self) -> None:
        if self._other is None:
            self.against.setCurrentIndex(0)

    def _open_term(self, term: Term) -> None:
        if self._session is not None:
            self.opened.emit(self._session, term.wish)

    def _open_all(self) -> None:
        if self._session is not None:
            self.opened.emit(self._session, CallWish())

    def _copy(self) -> None:
        if self.view is not None:
            QGuiApplication.clipboard().setText(self.view.as_text())

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setMaximumWidth(_TEXT_WIDTH)
        column = QVBoxLayout(inner)
        column.setContentsMargins(_MARGIN, 16, _MARGIN, _MARGIN)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.close_button)
        column.addLayout(head)
        column.addWidget(self._place)
        column.addSpacing(8)
        compare = QHBoxLayout()
        compare.setSpacing(8)
        compare.addWidget(Text("Compare with", ink="text_2", size=Size.CAPTION))
        compare.addWidget(self.against, 1)
        column.addLayout(compare)
        column.addWidget(self.error)
        column.addSpacing(12)
        self._body.setSpacing(4)
        column.addLayout(self._body)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(Hairline(is_upright=True))
        row.addWidget(scrolling(inner), 1)


def _line(name: str, amount: str, *, is_strong: bool) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 4, 0, 4)
    row.setSpacing(12)
    if is_strong:
        row.addWidget(ElidedText(name, weight=SEMIBOLD), 1)
        row.addWidget(Text(amount, weight=SEMIBOLD))
    else:
        row.addWidget(ElidedText(name, ink="text_2"), 1)
        row.addWidget(Text(amount, ink="text_2", weight=MEDIUM))
    return row
