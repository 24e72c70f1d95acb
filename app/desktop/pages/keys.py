"""Keys: the providers' own, in the system keyring, and the virtual ones that agents hold."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.caps import Cap
from app.core.tags import Scope
from app.desktop.commands import Commands
from app.desktop.models.columns import Clock
from app.desktop.models.key_columns import key_columns
from app.desktop.models.rows import Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.key_dialogs import ConfirmDialog
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.provider_keys import ProviderKeysSection
from app.desktop.pages.section import caption, empty_words, section_head
from app.desktop.pages.virtual_key_dialogs import NewKeyDialog, RotateKeyDialog, ShowKeyDialog
from app.desktop.widgets.assurance import AssuranceLink
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import scrolling
from app.desktop.widgets.table import CELL_PAD, Table
from app.ledger.key_store import VirtualKey


class KeysPage(Page):
    """The providers' keys, the virtual keys, and what was found in the clear. A new virtual key is shown once, in a
    dialog that stays until Done."""

    def __init__(self, commands: Commands, zone: ZoneInfo) -> None:
        super().__init__("Keys")
        self._commands = commands
        self._clock = Clock(datetime.now(UTC), zone)
        self._caps: dict[str, Cap] = {}
        self.providers = ProviderKeysSection(commands, self._clock, self.error)
        self.key_rows: Rows[VirtualKey] = Rows(
            key_columns(self._clock, lambda key: self._caps.get(key.key_id)), lambda key: key.key_id
        )
        self.key_table = Table(self.key_rows, name="Virtual keys", fits_content=True)
        self.revoke_button = button("Revoke", self.ask_revoke, kind="destructive")
        self.rotate_button = button("New token…", self.ask_rotate)
        self.new_button = button("New virtual key…", self.create_new, kind="primary")
        self.assurance = AssuranceLink()
        self.head.addWidget(self.assurance)
        self.dialog: NewKeyDialog | RotateKeyDialog | ShowKeyDialog | ConfirmDialog | None = None
        self._no_key = empty_words("No virtual key yet. “bursar run” makes one for each run by itself.")
        self._lay_out()
        self._follow_selection()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading."""
        self._clock.now = snapshot.read_at
        self.assurance.show_level(snapshot.assurance)
        self.providers.show_keys(snapshot.provider_keys)
        caps = (status.cap for status in snapshot.caps)
        self._caps = {cap.scope_key: cap for cap in caps if cap.scope is Scope.VIRTUAL_KEY}
        self.key_rows.update(snapshot.keys)
        self.key_table.setVisible(bool(snapshot.keys))
        self._no_key.setVisible(not snapshot.keys)
        self._show_buttons()

    def create_new(self) -> None:
        """Ask for a new virtual key's name and whom it is charged to."""
        self.error.clear()
        self.dialog = NewKeyDialog(self._commands, self)
        self.dialog.issued.connect(self._show_token)
        self.dialog.open()

    def ask_rotate(self) -> None:
        """Ask when the old token of the selected key is to end."""
        key: VirtualKey | None = self.key_table.selected()
        if key is not None:
            self.error.clear()
            self.dialog = RotateKeyDialog(self._commands, key, self)
            self.dialog.rotated.connect(self._show_token)
            self.dialog.open()

    def ask_revoke(self) -> None:
        """Ask before revoking: it cannot be undone."""
        key: VirtualKey | None = self.key_table.selected()
        if key is None:
            return
        used = "It was never used."
        if key.last_used_at is not None:
            used = f"It was last used {self._clock.phrase(key.last_used_at)}."
        self.dialog = ConfirmDialog(f"Revoke “{key.name}”?", f"{used} This cannot be undone.", "Revoke", self)
        self.dialog.accepted.connect(lambda: self._commands.revoke_key(key.key_id, self.error.tell))
        self.dialog.open()

    def _show_token(self, name: str, token: str) -> None:
        self.dialog = ShowKeyDialog(name, token, self)
        self.dialog.open()

    def _follow_selection(self) -> None:
        self.key_table.selectionModel().selectionChanged.connect(self._show_buttons)
        for table, act in (
            (self.key_table, self.ask_revoke),
            (self.providers.table, self.providers.ask_removal),
        ):
            QShortcut(QKeySequence(Qt.Key.Key_Delete), table, act, context=Qt.ShortcutContext.WidgetShortcut)

    def _show_buttons(self, *_ignored: object) -> None:
        """Buttons about a selected key are there only with one, and a new token only where the key is in force."""
        key: VirtualKey | None = self.key_table.selected()
        self.revoke_button.setVisible(key is not None)
        self.rotate_button.setVisible(key is not None and key.is_live(self._clock.now))

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN - CELL_PAD, 16, MARGIN - CELL_PAD, MARGIN)
        column.setSpacing(4)
        column.addWidget(self.providers)
        column.addSpacing(28)
        column.addLayout(section_head("Virtual keys", self.revoke_button, self.rotate_button, self.new_button))
        column.addWidget(caption("What agents hold. Revoking one stops its next call within a second."))
        column.addWidget(self.key_table)
        column.addWidget(self._no_key)
        column.addSpacing(20)
        self.providers.found.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)
        column.addWidget(self.providers.found)
        column.addStretch(1)
        self.content.addWidget(scrolling(inner), 1)
