"""The second step: a key in the keyring, or the agent's own login."""

from collections.abc import Callable

from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from app.core.errors import AppError, InvalidInput
from app.core.provider_keys import KeyName, ProviderKey, Trial, trial_words
from app.core.providers import PROVIDERS
from app.desktop.commands import Commands
from app.desktop.first_run.step import Step
from app.desktop.fonts import MEDIUM, Size
from app.desktop.models.key_columns import key_title
from app.desktop.models.setup_steps import PickedAgent, login_words
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.provider_key_dialogs import MoveKeyDialog
from app.desktop.widgets.buttons import button
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.ground import clear
from app.desktop.widgets.notice_row import NoticeRow
from app.desktop.widgets.text import Text
from app.services.found_keys import FoundKey, Moved

_INDENT = 22
_INKS = {Trial.REFUSED: "at_text", Trial.UNREACHABLE: "near_text"}


class KeysStep(Step):
    """A key is tested as soon as it is kept."""

    def __init__(self, commands: Commands) -> None:
        meaning = "Agents get a virtual key from Bursar. The provider’s own key stays in the system keyring."
        super().__init__("Keys", "Whose key pays for the calls?", meaning)
        self._commands = commands
        self._keys: tuple[ProviderKey, ...] | None = None
        self._found: list[FoundKey] = []
        self.add_choice, self.login_choice = QRadioButton("Add a key"), QRadioButton("Keep my own login")
        self.choices = QButtonGroup(self)
        self.provider, self.key = Choice(), QLineEdit()
        self.keep_button = button("Keep key", self.keep)
        self.found = NoticeRow("info", "Move it into the keyring…", self._open_move)
        self._kept, self._form = QVBoxLayout(), QWidget()
        self._login = Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self.dialog: MoveKeyDialog | None = None
        self._lay_out()
        for choice in (self.add_choice, self.login_choice):
            choice.toggled.connect(self._follow_choice)

    @property
    def keeps_login(self) -> bool:
        """Whether agents keep the login they have."""
        return self.login_choice.isChecked()

    def show_agents(self, agents: list[PickedAgent]) -> None:
        """Say who can keep a login, and begin with the provider of the first agent."""
        self._login.setText(login_words(agents))
        can = any(agent.keeps_login for agent in agents)
        self.login_choice.setEnabled(can)
        self.login_choice.setToolTip("" if can else self._login.text())
        if not can:
            self.add_choice.setChecked(True)
        provider = next((agent.recipe.provider for agent in agents if agent.recipe and agent.recipe.provider), "")
        if provider and not self.key.text():
            self.provider.setCurrentIndex(self.provider.findData(provider))

    def enter(self) -> None:
        """Look for keys that stand in the clear."""
        self._commands.keys.find(self._show_found, self.error.tell)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """The keys that are kept, and what their tests said."""
        if snapshot.provider_keys == self._keys:
            return
        self._keys = snapshot.provider_keys
        clear(self._kept)
        for key in self._keys:
            self._kept.addLayout(_kept_line(key))

    def keep(self, go_on: Callable[[], None] | None = None) -> None:
        """Put the typed key into the keyring and ask the provider whether it takes it."""
        self.error.clear()
        name, typed = KeyName(self.provider.currentData()), self.key.text().strip()
        if not typed:
            self.error.tell(InvalidInput("No key", "Paste the key that the provider gave you."))
            return
        self._wait("The keyring is asked")
        self._commands.keys.keep(name, typed, lambda: self._was_kept(name, go_on), self._not_kept)

    def leave(self, go_on: Callable[[], None]) -> None:
        """A key that was typed and not kept yet is kept first."""
        self.error.clear()
        if self.keeps_login:
            go_on()
        elif self.key.text().strip():
            self.keep(go_on)
        elif self._keys:
            go_on()
        else:
            able = " or keep your own login," if self.login_choice.isEnabled() else ""
            self.error.tell(InvalidInput("No key yet", f"Paste one,{able} or skip the setup and add one later."))

    def hideEvent(self, event: object) -> None:
        """A key does not stay in a field that nobody sees."""
        self.key.clear()

    def _was_kept(self, name: KeyName, go_on: Callable[[], None] | None) -> None:
        self._wait("")
        self.key.clear()
        self._commands.keys.prove(name, lambda _trial: None, self.error.tell)
        if go_on is not None:
            go_on()

    def _not_kept(self, error: AppError) -> None:
        self._wait("")
        self.error.tell(error)

    def _wait(self, why: str) -> None:
        self.keep_button.setEnabled(not why)
        self.keep_button.setToolTip(why)

    def _follow_choice(self, *_ignored: object) -> None:
        self._form.setVisible(not self.keeps_login)
        self.error.clear()

    def _show_found(self, found: list[FoundKey]) -> None:
        self._found = found
        if found:
            self.found.tell(found[0].words)
        else:
            self.found.hide()

    def _open_move(self) -> None:
        self.dialog = MoveKeyDialog(self._commands, self._found[0], self)
        self.dialog.moved.connect(self._was_moved)
        self.dialog.open()

    def _was_moved(self, moved: Moved) -> None:
        self._commands.keys.prove(moved.name, lambda _trial: None, self.error.tell)
        self.enter()

    def _lay_out(self) -> None:
        for known in PROVIDERS:
            self.provider.addItem(known.title, known.name)
        self.provider.setAccessibleName("Provider")
        self.key.setAccessibleName("Key of the provider")
        self.key.setPlaceholderText("Paste the key")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.add_choice.setChecked(True)
        for choice in (self.add_choice, self.login_choice):
            self.choices.addButton(choice)
        column = QVBoxLayout(self._form)
        column.setContentsMargins(_INDENT, 8, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.provider)
        row.addWidget(self.key, 1)
        row.addWidget(self.keep_button)
        column.addLayout(row)
        hint = "It is tested once it is kept, and never shown again. More keys can be added on the Keys page."
        column.addWidget(Text(hint, ink="text_3", size=Size.CAPTION, wraps=True))
        column.addLayout(self._kept)
        column.addWidget(self.found)
        self._login.setIndent(_INDENT)
        for part in (self.add_choice, self._form):
            self.content.addWidget(part)
        self.content.addSpacing(20)
        self.content.addWidget(self.login_choice)
        self.content.addSpacing(2)
        self.content.addWidget(self._login)
        self.content.addStretch(1)


def _kept_line(key: ProviderKey) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(Text(key_title(key.name), weight=MEDIUM))
    row.addWidget(Text(trial_words(key.name.provider, key.trial), ink=_INKS.get(key.trial, "text_2")))
    row.addStretch(1)
    return row
