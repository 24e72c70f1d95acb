"""Review: a week looked at, and the weeks before it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.core.advice import AdviceAnswer
from app.core.errors import InvalidInput
from app.core.tags import Scope
from app.desktop.commands import Commands
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.models.review_view import CostlyView, ReviewView, SpreadLine, review_view, spread_columns
from app.desktop.models.rows import Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.page import MARGIN, Page
from app.desktop.widgets.buttons import IconButton, button
from app.desktop.widgets.ground import clear, scrolling
from app.desktop.widgets.table import CELL_PAD, Table
from app.desktop.widgets.text import ElidedText, Text, heading
from app.desktop.widgets.undo_bar import UndoBar
from app.insight.report import Writer, as_html, as_markdown, as_text
from app.insight.review import Review
from app.insight.review_report import review_report
from app.insight.savings import Suggestion
from app.services.reviews import monday_of, read_review
from app.whole_file import write_whole

_WIDTH = 560 + 2 * CELL_PAD
_WEEK = timedelta(days=7)
_FILE_MODE = 0o644
_FILTERS = "Markdown (*.md);;Web page (*.html);;JSON (*.json)"
_ANSWERED = {
    AdviceAnswer.DONE: "Done. What it saves is told from now on.",
    AdviceAnswer.DECLINED: "Not suggested again in this project.",
}
_WRITERS: dict[str, Writer] = {".md": as_markdown, ".html": as_html, ".txt": as_text}


class ReviewPage(Page):
    """One week at a time. `opened` asks for the sessions with some labels."""

    opened = Signal(object)

    def __init__(self, commands: Commands) -> None:
        super().__init__("Review")
        self._commands = commands
        self._question = commands.questions.new(self)
        self._snapshot: Snapshot | None = None
        self._monday: date | None = None
        self._read: tuple[date, Review] | None = None
        self.view: ReviewView | None = None
        self.spread: Rows[SpreadLine] = Rows(spread_columns(), lambda line: (line.agent, line.calls_in_task))
        self.spread.setParent(self)
        self.earlier = IconButton("", "caret-left", lambda: self._turn(-_WEEK), name="The week before")
        self.later = IconButton("", "caret-right", lambda: self._turn(_WEEK), name="The week after")
        self.copy_button = button("Copy as text", self.copy)
        self.export_button = button("Export…", self.ask_for_file)
        self.undo = UndoBar()
        QShortcut(QKeySequence("Ctrl+Z"), self, self.undo.take_back)
        self._body = QVBoxLayout()
        self._lay_out()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading: the week that is open is read again."""
        self._snapshot = snapshot
        if self._monday is None:
            self._monday = monday_of(snapshot.read_at, snapshot.zone)
        self._ask()

    def copy(self) -> None:
        """The report as text, to the clipboard."""
        if self._read is not None:
            QGuiApplication.clipboard().setText(self._written(as_text))

    def ask_for_file(self) -> None:
        """Ask where to, and write the report there in the form that the file's name tells."""
        if self._read is None:
            return
        name = f"bursar-{self._read[0]:%G-W%V}.md"
        file, _chosen = QFileDialog.getSaveFileName(self, "Export the review", name, _FILTERS)
        if file:
            self.export(Path(file))

    def export(self, file: Path) -> None:
        """Write the report, off the UI thread."""
        if self._read is None:
            return
        self.error.clear()
        content = self._json() if file.suffix == ".json" else self._written(_WRITERS.get(file.suffix, as_markdown))

        def write() -> None:
            try:
                write_whole(file, content.encode(), _FILE_MODE)
            except OSError as error:
                raise InvalidInput("It could not be written", f"{error.strerror}: {file}.") from error

        self._commands.run(write, self.error.tell)

    def _turn(self, by: timedelta) -> None:
        if self._monday is not None:
            self._monday += by
            self._ask(at_once=True)

    def _ask(self, *, at_once: bool = False) -> None:
        monday, snapshot = self._monday, self._snapshot
        assert monday is not None
        assert snapshot is not None
        this_week = monday_of(snapshot.read_at, snapshot.zone)
        self.later.setVisible(monday < this_week)
        self._question.ask(
            lambda: lambda ledger, _go_on: read_review(ledger, monday, snapshot.zone),
            lambda review: self._show(monday, review), self.error.tell, at_once=at_once,
        )  # fmt: skip

    def _show(self, monday: date, review: Review) -> None:
        self._read = (monday, review)
        view = review_view(review, monday)
        if view == self.view:
            return
        self.view = view
        self.title.setText(view.title)
        for made in (self.copy_button, self.export_button):
            made.setVisible(not view.is_empty)
        clear(self._body)
        self._fill(view)

    def _fill(self, view: ReviewView) -> None:
        if view.is_empty:
            self._body.addWidget(_paragraph("Nothing was spent in this week.", ink="text_2"))
            return
        sentence = _paragraph(view.sentence)
        sentence.setFont(heading("").font())
        self._body.addWidget(sentence)
        for note in view.notes:
            self._body.addWidget(_paragraph(note, ink="text_2"))
        if view.costly:
            self._begin("Costliest tasks, and why")
            for one in view.costly:
                self._body.addWidget(CostlyRow(one, self._open))
        if view.spread:
            self._begin("How calls were spread")
            self.spread.update(view.spread)
            table = Table(self.spread, name="How calls were spread over tasks", fits_content=True)
            table.setFixedWidth(_WIDTH)
            self._body.addWidget(table)
        if view.suggestions or view.done or view.followed:
            self._begin("What could have been saved")
            for words, suggestion in view.suggestions:
                self._body.addWidget(SuggestionRow(words, partial(self._answer, suggestion)))
            for words in view.done:
                self._body.addWidget(_paragraph(words, ink="text_2"))
            if view.followed:
                self._body.addWidget(_paragraph(view.followed, ink="text_2"))

    def _begin(self, name: str) -> None:
        title = heading(name)
        title.setContentsMargins(CELL_PAD, 24, 0, 4)
        self._body.addWidget(title)

    def _open(self, one: CostlyView) -> None:
        label = (Scope.TASK, one.task) if one.task else (Scope.SESSION, one.session)
        labels = (label, (Scope.AGENT, one.agent), (Scope.PROJECT, one.project))
        self.opened.emit([(scope, value) for scope, value in labels if value])

    def _answer(self, suggestion: Suggestion, answer: AdviceAnswer) -> None:
        """It goes from the list at once; what is done is followed up."""
        self.error.clear()

        def take_back() -> None:
            self._commands.answer_suggestion(suggestion, None, self.error.tell, self._ask_again)

        def offer() -> None:
            self.undo.offer(_ANSWERED[answer], take_back)
            self._ask_again()

        self._commands.answer_suggestion(suggestion, answer, self.error.tell, offer)

    def _ask_again(self) -> None:
        self._ask(at_once=True)

    def _written(self, write: Writer) -> str:
        assert self._read is not None
        monday, review = self._read
        return write(review_report(review, f"{monday:%G-W%V}"))

    def _json(self) -> str:
        assert self._read is not None
        monday, review = self._read
        return json.dumps({"week": f"{monday:%G-W%V}", **asdict(review)}, indent=2) + "\n"

    def _lay_out(self) -> None:
        self.head.insertWidget(1, self.earlier)
        self.head.insertWidget(2, self.later)
        self.head.addWidget(self.copy_button)
        self.head.addWidget(self.export_button)
        self.later.hide()
        for made in (self.copy_button, self.export_button):
            made.hide()
        inner = QWidget()
        # All of it as wide as its texts: a narrower text in a wider column would be given the height of fewer lines.
        inner.setMaximumWidth(MARGIN - CELL_PAD + _WIDTH + MARGIN)
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN - CELL_PAD, 16, MARGIN, MARGIN)
        self._body.setSpacing(4)
        column.addLayout(self._body)
        column.addStretch(1)
        self.content.addWidget(scrolling(inner), 1)
        self.content.addWidget(self.undo)


class SuggestionRow(QWidget):
    """What could be saved, and two answers to it."""

    def __init__(self, words: str, answer: Callable[[AdviceAnswer], None]) -> None:
        super().__init__()
        self.done = button("Done", lambda: answer(AdviceAnswer.DONE), name=f"Done: {words}")
        self.declined = button("Not for us", lambda: answer(AdviceAnswer.DECLINED), name=f"Not for us: {words}")
        row = QHBoxLayout(self)
        row.setContentsMargins(CELL_PAD, 4, CELL_PAD, 4)
        row.setSpacing(8)
        row.addWidget(Text(words, wraps=True), 1)
        for made in (self.done, self.declined):
            row.addWidget(made, 0, Qt.AlignmentFlag.AlignTop)


class CostlyRow(QWidget):
    """One of the dearest tasks: name and cost, where, why."""

    def __init__(self, one: CostlyView, open_it: Callable[[CostlyView], None]) -> None:
        super().__init__()
        self.link = button(
            "Show its sessions", lambda: open_it(one), kind="link", name=f"Show the sessions of {one.name}"
        )
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(ElidedText(one.name, weight=SEMIBOLD), 1)
        head.addWidget(Text(one.cost, weight=MEDIUM))
        foot = QHBoxLayout()
        foot.addWidget(ElidedText(one.place, ink="text_2", size=Size.CAPTION), 1)
        foot.addWidget(self.link, 0, Qt.AlignmentFlag.AlignRight)
        column = QVBoxLayout(self)
        column.setContentsMargins(CELL_PAD, 8, CELL_PAD, 8)
        column.setSpacing(2)
        column.addLayout(head)
        column.addLayout(foot)
        column.addWidget(Text(one.why, ink="text_2", wraps=True))


def _paragraph(words: str, *, ink: str = "text") -> Text:
    made = Text(words, ink=ink, wraps=True)
    made.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)
    return made
