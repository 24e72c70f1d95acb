"""Keys: the providers' own, in the system keyring, and the virtual ones that agents hold."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.core.providers import provider_title
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.formats import relative_time
from app.desktop.models.columns import Clock, key_columns, provider_key_columns
from app.desktop.models.rows import Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.key_dialogs import ConfirmDialog, NewKeyDialog, ProviderKeyDialog, ShowKeyDialog
from app.desktop.pages.page import MARGIN, Page
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import scrolling
from app.desktop.widgets.table import CELL_PAD, Table
from app.desktop.widgets.text import Text, heading
from app.ledger.key_store import VirtualKey
from app.ledger.provider_key_store import ProviderKey


class KeysPage(Page):
    """Two tables and their buttons. A new virtual key is shown once, in a dialog that stays until Done."""

    def __init__(self, commands: Commands, zone: ZoneInfo) -> None:
        super().__init__("Keys")
        self._commands = commands
        self._clock = Clock(datetime.now(UTC), zone)
        self.provider_rows: Rows[ProviderKey] = Rows(provider_key_columns(self._clock), lambda key: key.provider)
        self.key_rows: Rows[VirtualKey] = Rows(key_columns(self._clock), lambda key: key.key_id)
        self.provider_table = Table(self.provider_rows, name="Provider keys", fits_content=True)
        self.key_table = Table(self.key_rows, name="Virtual keys", fits_content=True)
        self.add_provider = button("Add provider key…", self.open_provider)
        self.remove_provider = button("Remove", self.ask_provider_removal, kind="destructive")
        self.revoke_button = button("Revoke", self.ask_revoke, kind="destructive")
        self.new_button = button("New virtual key…", self.create_new, kind="primary")
        self.dialog: NewKeyDialog | ShowKeyDialog | ProviderKeyDialog | ConfirmDialog | None = None
        self._no_provider = Text("No provider key yet. Calls go out with a key from here, or with the agent's own.")
        self._no_key = Text("No virtual key yet. “bursar run” makes one for each run by itself.")
        self._lay_out()
        self._follow_selection()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading."""
        self._clock.now = snapshot.read_at
        self.provider_rows.update(snapshot.provider_keys)
        self.key_rows.update(snapshot.keys)
        for table, words in ((self.provider_table, self._no_provider), (self.key_table, self._no_key)):
            is_empty = table.model().rowCount() == 0
            table.setVisible(not is_empty)
            words.setVisible(is_empty)
        self._show_buttons()

    def create_new(self) -> None:
        """Ask for a new virtual key's name and whom it is charged to."""
        self.error.clear()
        self.dialog = NewKeyDialog(self._commands, self)
        self.dialog.issued.connect(self._show_token)
        self.dialog.open()

    def open_provider(self) -> None:
        """Ask for a provider's key."""
        self.error.clear()
        chosen: ProviderKey | None = self.provider_table.selected()
        self.dialog = ProviderKeyDialog(self._commands, chosen.provider if chosen else "", self)
        self.dialog.open()

    def ask_revoke(self) -> None:
        """Ask before revoking: it cannot be undone."""
        key: VirtualKey | None = self.key_table.selected()
        if key is None:
            return
        used = "It was never used."
        if key.last_used_at is not None:
            ago = relative_time(key.last_used_at, self._clock.now, self._clock.zone)
            used = "It has been used just now." if ago == "now" else f"It was last used {ago} ago."
        self.dialog = ConfirmDialog(f"Revoke “{key.name}”?", f"{used} This cannot be undone.", "Revoke", self)
        self.dialog.accepted.connect(lambda: self._commands.revoke_key(key.key_id, self.error.tell))
        self.dialog.open()

    def ask_provider_removal(self) -> None:
        """Ask before taking a key out of the keyring: it may be kept nowhere else."""
        key: ProviderKey | None = self.provider_table.selected()
        if key is None:
            return
        name = provider_title(key.provider)
        said = "It is taken out of the system keyring. Agents that rely on it are refused. This cannot be undone."
        self.dialog = ConfirmDialog(f"Remove the key of {name}?", said, "Remove", self)
        self.dialog.accepted.connect(lambda: self._commands.remove_provider_key(key.provider, self.error.tell))
        self.dialog.open()

    def _show_token(self, name: str, token: str) -> None:
        self.dialog = ShowKeyDialog(name, token, self)
        self.dialog.open()

    def _follow_selection(self) -> None:
        for table in (self.provider_table, self.key_table):
            table.selectionModel().selectionChanged.connect(self._show_buttons)
        QShortcut(
            QKeySequence(Qt.Key.Key_Delete), self.key_table, self.ask_revoke,
            context=Qt.ShortcutContext.WidgetShortcut,
        )  # fmt: skip

    def _show_buttons(self, *_ignored: object) -> None:
        """Buttons about a selected key are there only with one."""
        self.revoke_button.setVisible(self.key_table.selected() is not None)
        has_provider = self.provider_table.selected() is not None
        self.remove_provider.setVisible(has_provider)
        self.add_provider.setText("Replace provider key…" if has_provider else "Add provider key…")

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN - CELL_PAD, 16, MARGIN - CELL_PAD, MARGIN)
        column.setSpacing(4)
        column.addLayout(_section("Provider keys", self.remove_provider, self.add_provider))
        column.addWidget(_caption("Kept in the system keyring. Agents never see them."))
        column.addWidget(self.provider_table)
        column.addWidget(self._no_provider)
        column.addSpacing(28)
        column.addLayout(_section("Virtual keys", self.revoke_button, self.new_button))
        column.addWidget(_caption("What agents hold. Revoking one stops its next call within a second."))
        column.addWidget(self.key_table)
        column.addWidget(self._no_key)
        column.addStretch(1)
        for words in (self._no_provider, self._no_key):
            words.set_ink("text_2")
            words.setContentsMargins(CELL_PAD, 12, 0, 0)
        self.content.addWidget(scrolling(inner), 1)


def _section(name: str, *buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)
    row.setSpacing(8)
    row.addWidget(heading(name))
    row.addStretch(1)
    for made in buttons:
        row.addWidget(made)
    return row


def _caption(words: str) -> Text:
    """A line under a heading, level with the text in the table's cells."""
    caption = Text(words, ink="text_2", size=Size.CAPTION)
    caption.setContentsMargins(CELL_PAD, 0, 0, 0)
    return caption
