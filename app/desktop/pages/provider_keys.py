"""The providers' own keys: their table, what may be done with one, and what is wrong with the keyring."""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from app.core.errors import AppError, VaultAbsent, VaultLocked
from app.core.provider_keys import KeyName, ProviderKey, Trial
from app.desktop.commands import Commands
from app.desktop.models.columns import Clock
from app.desktop.models.key_columns import key_title, provider_key_columns
from app.desktop.models.rows import Rows
from app.desktop.pages.key_dialogs import ConfirmDialog, NoteDialog
from app.desktop.pages.provider_key_dialogs import (
    MoveKeyDialog,
    ProviderKeyDialog,
    ReplaceKeyDialog,
    UseKeyDialog,
)
from app.desktop.pages.section import caption, empty_words, section_head
from app.desktop.widgets.buttons import button
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.notice_row import NoticeRow
from app.desktop.widgets.table import CELL_PAD, Table
from app.services.found_keys import FoundKey, Moved

LOOK_EVERY_MS = 5_000
_LOCKED = "The keyring is locked. Calls wait for it."
_ABSENT = "No keyring on this desktop, and Bursar keeps no key in a plain file."
_HOW_TO_ADD = (
    "A keyring is a service of the desktop that keeps passwords locked until you sign in. GNOME Keyring, KWallet and "
    "KeePassXC are such services: install the one of your desktop, sign out and in again, and add the key here.\n\n"
    "On a machine without a desktop, the README tells how to start one: see “Without a desktop”."
)


class ProviderKeysSection(QWidget):
    """A table and its buttons. While it is seen it looks every five seconds whether the keyring can be used."""

    def __init__(self, commands: Commands, clock: Clock, error: ErrorLine) -> None:
        super().__init__()
        self._commands = commands
        self._error = error
        self.rows: Rows[ProviderKey] = Rows(provider_key_columns(clock), lambda key: key.name)
        self.table = Table(self.rows, name="Provider keys", fits_content=True)
        self.add_button = button("Add provider key…", self.open_new)
        self.test_button = button("Test", self.test)
        self.use_button = button("Use for…", self.open_use)
        self.replace_button = button("Replace…", self.open_replacement)
        self.remove_button = button("Remove", self.ask_removal, kind="destructive")
        self.locked = NoticeRow("lock", "Unlock…", self.unlock, ink="near_text")
        self.absent = NoticeRow("warning", "How to add one", self.explain, ink="at_text")
        self.found = NoticeRow("info", "Move it into the keyring…", self.open_move)
        self.dialog: QDialog | None = None
        self._found: list[FoundKey] = []
        self._keys: tuple[ProviderKey, ...] = ()
        self._empty = empty_words("No provider key yet. Calls go out with a key from here, or with the agent's own.")
        self._timer = QTimer(self, interval=LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._lay_out()
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)

    def show_keys(self, keys: tuple[ProviderKey, ...]) -> None:
        """Show these keys."""
        self._keys = keys
        self.rows.update(keys)
        self.table.setVisible(bool(keys))
        self._empty.setVisible(not keys)
        self._show_buttons()

    def look(self) -> None:
        """See whether the keyring can be used, without asking the person."""
        self._commands.keys.look(self._show_open, self._show_trouble)

    def unlock(self) -> None:
        """Ask the person to open the keyring."""
        self._error.clear()
        self._commands.keys.unlock(self._show_open, self._show_trouble)

    def explain(self) -> None:
        """How to get a keyring."""
        self._open(NoteDialog("How to add a keyring", _HOW_TO_ADD, self))

    def open_new(self) -> None:
        """Ask for a new key; it is tested once it is kept."""
        dialog = ProviderKeyDialog(self._commands, self._keys, self)
        dialog.kept.connect(self._prove)
        self._open(dialog)

    def open_replacement(self) -> None:
        """Ask for another key in the place of the selected one."""
        if (key := self._selected()) is not None:
            self._open(ReplaceKeyDialog(self._commands, key.name, self))

    def open_use(self) -> None:
        """Ask whose calls use the selected key."""
        if (key := self._selected()) is not None:
            self._open(UseKeyDialog(self._commands, key, self))

    def open_move(self) -> None:
        """Ask how the first key that was found is to be moved."""
        dialog = MoveKeyDialog(self._commands, self._found[0], self)
        dialog.moved.connect(self._tell_moved)
        self._open(dialog)

    def test(self) -> None:
        """Ask the provider whether it takes the selected key."""
        if (key := self._selected()) is not None:
            self._error.clear()
            self._prove(key.name)

    def ask_removal(self) -> None:
        """Ask before taking a key out of the keyring: it may be kept nowhere else."""
        key = self._selected()
        if key is None:
            return
        others = [one for one in self._keys if one.name.provider == key.name.provider and one != key]
        after = "Calls that use it use another key of the provider." if others else "Calls that rely on it are refused."
        said = f"It is taken out of the system keyring. {after} This cannot be undone."
        dialog = ConfirmDialog(f"Remove the key of {key_title(key.name)}?", said, "Remove", self)
        dialog.accepted.connect(lambda: self._commands.keys.remove(key.name, self._error.tell))
        self._open(dialog)

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the keyring, and for keys that stand in the clear."""
        super().showEvent(event)
        self.look()
        self._commands.keys.find(self._show_found, self._error.tell)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self._timer.stop()

    def _prove(self, name: KeyName) -> None:
        self.test_button.setEnabled(False)
        self.test_button.setToolTip("The provider is asked")
        self._commands.keys.prove(name, self._proved, self._not_proved)

    def _proved(self, _trial: Trial) -> None:
        self.test_button.setEnabled(True)
        self.test_button.setToolTip("")
        self.look()

    def _not_proved(self, error: AppError) -> None:
        self._proved(Trial.NONE)
        self._error.tell(error)

    def _selected(self) -> ProviderKey | None:
        chosen: ProviderKey | None = self.table.selected()
        return chosen

    def _open(self, dialog: QDialog) -> None:
        self._error.clear()
        self.dialog = dialog
        dialog.open()

    def _show_open(self) -> None:
        self.locked.hide()
        self.absent.hide()

    def _show_trouble(self, error: AppError) -> None:
        self.locked.hide()
        self.absent.hide()
        if isinstance(error, VaultLocked):
            self.locked.tell(_LOCKED)
        elif isinstance(error, VaultAbsent):
            self.absent.tell(_ABSENT)
        else:
            self._error.tell(error)

    def _show_found(self, found: list[FoundKey]) -> None:
        self._found = found
        if not found:
            self.found.hide()
            return
        more = len(found) - 1
        self.found.tell(found[0].words + (f" There {'is' if more == 1 else 'are'} {more} more." if more else ""))

    def _tell_moved(self, moved: Moved) -> None:
        self._open(NoteDialog("The key is in the keyring", moved.words, self))
        self._commands.keys.find(self._show_found, self._error.tell)
        self._prove(moved.name)

    def _show_buttons(self, *_ignored: object) -> None:
        """Buttons about a selected key are there only with one."""
        is_one = self._selected() is not None
        for about_one in (self.test_button, self.use_button, self.replace_button, self.remove_button):
            about_one.setVisible(is_one)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        buttons = (self.remove_button, self.replace_button, self.use_button, self.test_button, self.add_button)
        column.addLayout(section_head("Provider keys", *buttons))
        column.addWidget(caption("Kept in the system keyring. Agents never see them."))
        for row in (self.locked, self.absent):
            row.setContentsMargins(CELL_PAD, 8, CELL_PAD, 4)
            column.addWidget(row)
        column.addWidget(self.table)
        column.addWidget(self._empty)
