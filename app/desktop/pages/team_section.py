"""The settings' rows about the team: joining it, how this laptop stands in it, leaving it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import AppError, InvalidInput
from app.core.money import parse_usd
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.formats import plural
from app.desktop.pages.key_dialogs import KeyDialog, form_layout
from app.desktop.team_commands import TeamSight
from app.desktop.widgets.buttons import button
from app.desktop.widgets.text import ElidedText, Text
from app.services.settings import Settings

_PLACE_WIDTH = 420
_LEASE_WIDTH = 84
_NOTE_WIDTH = 560
_DIALOG_WIDTH = 560
_ALONE = "With a team, caps count what several laptops spend. A lead sends the address and the password."
_LEASE = "Had in advance of each of the team’s caps, for when it cannot be reached. Without it, calls wait then."


class TeamSection(QWidget):
    """`changed` tells the settings after joining and leaving, `failed` why that could not be."""

    changed = Signal(object)
    failed = Signal(object)

    def __init__(self, commands: Commands) -> None:
        super().__init__()
        self._commands = commands
        self._settings = Settings()
        self.join_button = button("Join a team…", self._ask)
        self.leave_button = button("Leave", self._leave)
        self.lease = QLineEdit()
        self.lease.setFixedWidth(_LEASE_WIDTH)
        self.lease.setPlaceholderText("none")
        self.lease.setAccessibleName("Dollars in advance of each cap of the team")
        self.lease.editingFinished.connect(self._choose_lease)
        self.place = ElidedText("", ink="text_2")
        self.place.setMaximumWidth(_PLACE_WIDTH)
        self.words = Text("")
        self.trouble, self.untold = Text("", ink="text_2", wraps=True), Text("", ink="text_2")
        self._alone, self._joined = QWidget(), QWidget()
        self._lay_out()

    def show_settings(self, settings: Settings) -> None:
        """Show the team that these name."""
        is_other = settings.team_url != self._settings.team_url
        self._settings = settings
        self._alone.setVisible(not settings.team_url)
        self._joined.setVisible(bool(settings.team_url))
        self.place.setText(settings.team_url)
        self.lease.setText(settings.team_lease)
        if is_other and settings.team_url:
            self._tell(f"{settings.team_name} is being asked…")
            self.look()

    def look(self) -> None:
        """Ask how this laptop stands in its team."""
        if self._settings.team_url:
            self._commands.team.look(self._show_sight, self._fail)

    def _show_sight(self, sight: TeamSight) -> None:
        if not self._settings.team_url:
            return
        name = self._settings.team_name
        left = f"It does not know of {plural(sight.untold, 'call')} of this laptop yet." if sight.untold else ""
        self._tell(name if sight.trouble else f"{name}: you are {sight.member}, a {sight.role}.", sight.trouble, left)

    def _tell(self, words: str, trouble: str = "", left: str = "") -> None:
        for text, said in ((self.words, words), (self.trouble, trouble), (self.untold, left)):
            text.setText(said)
            text.setVisible(bool(said))
        self.trouble.setMinimumHeight(max(0, self.trouble.heightForWidth(_NOTE_WIDTH)))  # else it is cut

    def _ask(self) -> None:
        dialog = JoinDialog(self._commands, self)
        dialog.joined.connect(self._changed)
        dialog.open()

    def _leave(self) -> None:
        self.leave_button.setEnabled(False)
        self._commands.team.leave(self._changed, self._fail)

    def _choose_lease(self) -> None:
        text = self.lease.text().strip()
        if text == self._settings.team_lease:
            return
        try:
            if text:
                parse_usd(text)
        except InvalidInput as error:
            self._fail(error)
            return
        self._commands.team.choose_lease(text, self._changed, self._fail)

    def _changed(self, settings: Settings) -> None:
        self.leave_button.setEnabled(True)
        self.show_settings(settings)
        self.changed.emit(settings)

    def _fail(self, error: AppError) -> None:
        self.leave_button.setEnabled(True)
        self.failed.emit(error)

    def _lay_out(self) -> None:
        self.trouble.setFixedWidth(_NOTE_WIDTH)
        column = _column(self._alone)
        column.addLayout(_row(self.join_button))
        column.addWidget(Text(_ALONE, ink="text_3", size=Size.CAPTION))
        column = _column(self._joined)
        for said in (self.words, self.trouble, self.untold):
            column.addWidget(said)
        column.addLayout(_row(self.place, self.leave_button))
        column.addLayout(_row(Text("In advance, in dollars", ink="text_2"), self.lease))
        column.addWidget(Text(_LEASE, ink="text_3", size=Size.CAPTION))
        column = _column(self)
        column.addWidget(self._alone)
        column.addWidget(self._joined)


class JoinDialog(KeyDialog):
    """The invitation as it was sent. `joined` tells the settings once the team has let this laptop in."""

    joined = Signal(object)

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__("Join a team", parent)
        self._commands = commands
        self.setFixedWidth(_DIALOG_WIDTH)
        self.url, self.password = QLineEdit(), QLineEdit()
        self.url.setPlaceholderText("postgresql+psycopg://ann@db.example.com/bursar")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        form = form_layout()
        form.addRow("Address", self.url)
        form.addRow("Password", self.password)
        self.column.addLayout(form)
        said = "The password is good for once: another one, which nobody has seen, goes into the keyring in its place."
        self.column.addWidget(Text(said, ink="text_3", size=Size.CAPTION, wraps=True))
        self.join_button = self.add_buttons("Join", "primary")
        self.join_button.setDefault(True)

    def submit(self) -> None:
        """Join; the dialog closes when the team has let this laptop in."""
        self.error.clear()
        self.join_button.setEnabled(False)
        self._commands.team.join(self.url.text(), self.password.text(), self._joined, self._not_joined)

    def _joined(self, settings: Settings) -> None:
        self.accept()
        self.joined.emit(settings)

    def _not_joined(self, error: AppError) -> None:
        self.join_button.setEnabled(True)
        self.error.tell(error)


def _column(box: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    return column


def _row(*parts: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for part in parts:
        row.addWidget(part)
    row.addStretch(1)
    return row
