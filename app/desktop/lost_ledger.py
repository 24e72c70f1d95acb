"""What a person sees in the tray's place while the ledger is damaged or gone: it can be put back from here."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QVBoxLayout

from app.core.errors import AppError, LedgerDamaged, LedgerError, LedgerGone
from app.desktop.closing import destroy
from app.desktop.fonts import SEMIBOLD, Size
from app.desktop.tasks import Tasks
from app.desktop.theme import ThemeSwitch
from app.desktop.widgets.buttons import button
from app.desktop.widgets.text import Text
from app.ledger import places
from app.ledger.engine import Ledger, open_ledger
from app.ledger.restoring import NothingToRestore, Restored, restore_ledger, restored_words
from app.services.settings import Theme

WIDTH = 520
_MARGIN = 24
_OFFER = "The newest backup is put back, and over it what the damaged ledger still tells, which is kept."
_EMPTY = "In an empty ledger every cap starts from $0, and what was spent is forgotten."


class LostLedger(QDialog):
    """Offers to put a ledger back. Accepted once it is there again."""

    def __init__(self, path: Path, error: LedgerError) -> None:
        super().__init__()
        self.setWindowTitle("Bursar")
        self.setFixedWidth(WIDTH)
        self._path = path
        self._column = QVBoxLayout(self)
        self.tasks = Tasks(self)
        self.title = Text("", size=Size.SECTION, weight=SEMIBOLD, wraps=True)
        self.message = Text("", ink="text_2", wraps=True)
        self.offer = Text(_OFFER, ink="text_3", size=Size.CAPTION, wraps=True)
        self.quit_button = button("Quit", self.reject)
        self.empty_button = button("Begin an empty ledger", lambda: self._restore(is_empty=True), kind="destructive")
        self.restore_button = button("Put it back", lambda: self._restore(is_empty=False), kind="primary")
        self.go_on_button = button("Open Bursar", self.accept, kind="primary")
        self._lay_out()
        self._show(error.title, error.message)

    def _lay_out(self) -> None:
        column, row = self._column, QHBoxLayout()
        column.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        column.setSpacing(10)
        for text in (self.title, self.message, self.offer):
            column.addWidget(text)
        column.addSpacing(8)
        column.addLayout(row)
        row.addWidget(self.empty_button)
        row.addStretch(1)
        for one in (self.quit_button, self.restore_button, self.go_on_button):
            row.addWidget(one)
        self.restore_button.setDefault(True)
        self.empty_button.hide()
        self.go_on_button.hide()

    def _show(self, title: str, message: str) -> None:
        self.title.setText(title)
        self.message.setText(message)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """As high as its texts are at its width."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.resize(WIDTH, self._column.totalHeightForWidth(WIDTH))

    def _restore(self, *, is_empty: bool) -> None:
        for one in (self.restore_button, self.empty_button):
            one.setEnabled(False)
        self.tasks.run(
            lambda: restore_ledger(self._path, datetime.now(UTC), is_empty=is_empty), self._restored, self._failed
        )

    def _restored(self, restored: Restored) -> None:
        for one in (self.offer, self.restore_button, self.empty_button):
            one.hide()
        self._show("Bursar can go on", " ".join(restored_words(restored)))
        self.go_on_button.show()
        self.go_on_button.setDefault(True)
        self.go_on_button.setFocus()

    def _failed(self, error: AppError) -> None:
        """Where there is nothing to put back, an empty one is begun on a person's word only."""
        if isinstance(error, NothingToRestore):
            self.offer.setText(_EMPTY)
            self.empty_button.show()
        self._show(error.title, error.message)
        for one in (self.restore_button, self.empty_button):
            one.setEnabled(True)


def opened_or_restored(
    app: QApplication, path: Path, theme: Theme, *, ask: Callable[[LostLedger], object] = LostLedger.exec
) -> Ledger | None:
    """The ledger; one that was there and is damaged or gone is put back first, if the person wants. None when not.
    Raises LedgerError for all else."""
    try:
        return open_ledger(path)
    except (LedgerDamaged, LedgerGone) as error:
        if not places.was_here(path):
            raise
        ThemeSwitch(app, theme)
        dialog = LostLedger(path, error)
    try:
        ask(dialog)
        is_back = dialog.result() == QDialog.DialogCode.Accepted
    finally:
        dialog.tasks.stop()
        destroy(dialog)
    return open_ledger(path) if is_back else None
