"""The editor of a cap: whom it applies to, how often, how much, and what happens then."""

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.core.caps import Action, Cap
from app.core.errors import AppError, InvalidInput
from app.core.money import decimal_from_nano, format_usd, parse_usd
from app.core.tags import Scope
from app.core.windows import Window
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.cap_view import CapView, scope_word
from app.desktop.models.team_reading import NO_TEAM, TeamReading
from app.desktop.widgets.amount_field import AmountField
from app.desktop.widgets.buttons import button
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.preview_band import PreviewBand
from app.desktop.widgets.text import Text, heading

WIDTH = 480
_AMOUNT_WIDTH = 110
_PERCENT_WIDTH = 56
_SCOPES = (
    Scope.EVERYTHING,
    Scope.PROJECT,
    Scope.AGENT,
    Scope.TEAM,
    Scope.USER,
    Scope.TASK,
    Scope.PROVIDER,
    Scope.MODEL,
)
_WINDOWS = {
    Window.DAY: "Calendar day",
    Window.WEEK: "Calendar week",
    Window.MONTH: "Calendar month",
    Window.SESSION: "Session",
    Window.TOTAL: "In total",
}
_ACTIONS = {
    Action.PAUSE: ("Pause and ask", "The call waits until you answer"),
    Action.BLOCK: ("Block", "The call is refused at once"),
    Action.ALERT: ("Alert only", "Nothing is stopped"),
}


class CapEditor(QDialog):
    """A window of its own. Saves through `commands` and closes when the ledger took it. `removed` asks for removal."""

    removed = Signal()

    def __init__(
        self, commands: Commands, view: CapView | None, parent: QWidget, *, team: TeamReading = NO_TEAM
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setWindowTitle(_title(view))
        self.setFixedWidth(WIDTH)
        self._commands = commands
        self._view = view
        self.whose = Choice()
        self.whose.addItem("This laptop", False)
        if team.is_led and view is None:
            self.whose.addItem(f"Team {team.name}", True)
        self.scope, self.scope_key, self.window_kind = Choice(), Choice(), Choice()
        self.limit, self.alert = AmountField(least=_AMOUNT_WIDTH), QLineEdit("80")
        self.choices = QButtonGroup(self)
        self._limit_words = Text("US dollars", ink="text_2", size=Size.CAPTION, wraps=True)
        self.error = ErrorLine()
        self.preview = PreviewBand(commands)
        self._name_controls()
        self._lay_out()
        self._fill(view.status.cap if view else None)
        self.scope.currentIndexChanged.connect(self._read_names)
        self.limit.textChanged.connect(self._judge_limit)
        for told in (
            self.whose.currentIndexChanged, self.scope.currentIndexChanged, self.scope_key.currentTextChanged,
            self.window_kind.currentIndexChanged, self.limit.textChanged, self.choices.idToggled,
        ):  # fmt: skip
            told.connect(self._try_it)
        self._read_names()
        self._try_it()

    def entered(self) -> Cap:
        """The cap as it is typed. Raises InvalidInput."""
        scope = Scope(self.scope.currentData())
        new = Cap("", scope, "", Window.MONTH, 0, time_zone=self._commands.time_zone)
        return replace(
            self._view.status.cap if self._view else new,  # what is not asked for here stays as it was
            scope=scope,
            scope_key="" if scope is Scope.EVERYTHING else self.scope_key.currentText().strip(),
            window=Window(self.window_kind.currentData()),
            limit_nano_usd=_limit(self.limit.text()),
            action=list(Action)[self.choices.checkedId()],
            alert_percents=_percents(self.alert.text()),
        )

    def begin_with(self, scope: Scope, key: str) -> None:
        """Begin with whom it applies to: for good, in total, where that is one session."""
        if self.scope.findData(scope) < 0:
            self.scope.addItem(scope_word(scope), scope)
        self.scope.setCurrentIndex(self.scope.findData(scope))
        self.scope_key.setCurrentText(key)
        if scope is Scope.SESSION:
            self.window_kind.setCurrentIndex(list(_WINDOWS).index(Window.TOTAL))
        self.limit.setFocus()

    def save(self) -> None:
        """Write it; the dialog closes when the ledger took it, else says why not."""
        self.error.clear()
        try:
            cap = self.entered()
        except AppError as error:
            self.error.tell(error)
            return
        self._commands.save_cap(cap, self.error.tell, self.accept, is_team=self._is_team)

    @property
    def _is_team(self) -> bool:
        """Whether the cap is, or will be, the team's."""
        return bool(self._view.team) if self._view else bool(self.whose.currentData())

    def _fill(self, cap: Cap | None) -> None:
        for scope in _SCOPES:
            self.scope.addItem(scope_word(scope), scope)
        for window, words in _WINDOWS.items():
            self.window_kind.addItem(words, window)
        if cap is None:
            self.window_kind.setCurrentIndex(list(_WINDOWS).index(Window.MONTH))
            return
        if cap.scope not in _SCOPES:
            self.scope.addItem(scope_word(cap.scope), cap.scope)
        self.scope.setCurrentIndex(self.scope.findText(scope_word(cap.scope)))
        self.scope_key.setCurrentText(cap.scope_key)
        self.window_kind.setCurrentIndex(list(_WINDOWS).index(cap.window))
        self.limit.setText(f"{decimal_from_nano(cap.limit_nano_usd).normalize():f}")
        self.alert.setText(", ".join(str(percent) for percent in cap.alert_percents))
        self.choices.button(list(Action).index(cap.action)).setChecked(True)

    def _read_names(self) -> None:
        """Offer the names that were ever charged in the chosen scope; any other may be typed."""
        scope = Scope(self.scope.currentData())
        self.scope_key.setVisible(scope is not Scope.EVERYTHING)
        if scope not in (Scope.EVERYTHING, Scope.SESSION):  # of sessions there may be as many as days of work
            self._commands.read_labels(scope, lambda names: self._offer(scope, names), self.error.tell)

    def _offer(self, scope: Scope, names: list[str]) -> None:
        if self.scope.currentData() == scope:
            typed = self.scope_key.currentText()
            self.scope_key.clear()
            self.scope_key.addItems(names)
            self.scope_key.setCurrentText(typed)

    def _try_it(self, *_ignored: object) -> None:
        """See what it would have done, once it is a cap. Of a team's, this laptop alone cannot know."""
        self.preview.setVisible(not self._is_team)
        try:
            cap = self.entered()
        except AppError:
            self.preview.try_cap(None)
            return
        self.preview.try_cap(None if cap.scope is not Scope.EVERYTHING and not cap.scope_key else cap)

    def _judge_limit(self) -> None:
        """Warn, but allow, a limit below what is spent already."""
        spent = self._view.status.spent_nano_usd if self._view else 0
        try:
            is_less = _limit(self.limit.text()) < spent
        except AppError:
            is_less = False
        warning = f"Less than spent already ({format_usd(spent)}): the next call will wait."
        self._limit_words.setText(warning if is_less else "US dollars")
        self._limit_words.set_ink("at_text" if is_less else "text_2")

    def _name_controls(self) -> None:
        self.scope_key.setEditable(True)
        names = {
            self.whose: "For", self.scope: "Applies to", self.scope_key: "Name of what it applies to",
            self.window_kind: "Each", self.limit: "Limit in US dollars", self.alert: "Alert at percent of the limit",
        }  # fmt: skip
        for control, name in names.items():
            control.setAccessibleName(name)
        self.alert.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.alert.setFixedWidth(_PERCENT_WIDTH)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(1, 1)
        whom = QHBoxLayout()
        whom.setSpacing(8)
        whom.addWidget(self.scope, 2)
        whom.addWidget(self.scope_key, 3)
        rows = (
            *([("For", _in_row(self.whose))] if self.whose.count() > 1 else []),
            ("Applies to", whom),
            ("Each", _in_row(self.window_kind)),
            ("Limit", _in_row(Text("$", ink="text_2"), self.limit, self._limit_words, ends=True)),
            ("Alert at", _in_row(self.alert, Text("% of the limit", ink="text_2"), ends=True)),
            ("At the limit", self._action_choices()),
        )
        for place, (caption, control) in enumerate(rows):
            top = Qt.AlignmentFlag.AlignTop if caption == "At the limit" else Qt.AlignmentFlag.AlignVCenter
            grid.addWidget(Text(caption, ink="text_2"), place, 0, Qt.AlignmentFlag.AlignRight | top)
            grid.addLayout(control, place, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(16)
        column.addWidget(heading(self.windowTitle()))
        column.addLayout(grid)
        column.addWidget(self.preview)
        column.addWidget(self.error)
        column.addLayout(self._foot())

    def _action_choices(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(2)
        for number, (words, meaning) in enumerate(_ACTIONS.values()):
            choice = QRadioButton(words)
            choice.setAccessibleDescription(meaning)
            choice.setChecked(number == 0)
            self.choices.addButton(choice, number)
            column.addWidget(choice)
            note = Text(meaning, ink="text_2", size=Size.CAPTION)
            note.setIndent(22)
            column.addWidget(note)
            column.addSpacing(4)
        return column

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        if self._view:
            foot.addWidget(button("Remove cap", self._ask_removal, kind="destructive"))
        foot.addStretch(1)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.save_button = box.button(QDialogButtonBox.StandardButton.Save)
        self.save_button.setProperty("kind", "primary")
        self.save_button.setDefault(True)
        box.accepted.connect(self.save)
        box.rejected.connect(self.reject)
        foot.addWidget(box)
        return foot

    def _ask_removal(self) -> None:
        self.reject()
        self.removed.emit()


def _title(view: CapView | None) -> str:
    if view is None:
        return "Add cap"
    return f"Edit cap of team {view.team}" if view.team else "Edit cap"


def _limit(text: str) -> int:
    try:
        return parse_usd(text)
    except InvalidInput:
        raise InvalidInput("A limit is an amount above $0", "Write it like 2.50.") from None


def _percents(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace("%", "").split(",") if part.strip())
    except ValueError:
        raise InvalidInput("Not an alert level", "Write whole percentages like 80, or 50, 80, 95.") from None


def _in_row(*widgets: QWidget, ends: bool = False) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    if ends:
        row.addStretch(1)
    return row
