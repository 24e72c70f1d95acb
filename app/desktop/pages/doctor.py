"""Doctor: one line a check, problems first, with a button where something can be done from here."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.errors import AppError
from app.desktop.commands import Commands
from app.desktop.models.columns import Clock
from app.desktop.models.finding_view import finding_view, told_and_passed, verdict
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.connect_dialog import ConnectDialog
from app.desktop.pages.finding_row import FindingRow
from app.desktop.pages.page import MARGIN, Page
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import clear, scrolling, widgets_in
from app.desktop.widgets.text import Text
from app.services.doctor.finding import Finding, Remedy, report

_PAGES = {Remedy.CHOOSE_PORTS: "Settings", Remedy.KEEP_KEYS: "Keys", Remedy.UPDATE_PRICES: "Prices"}
_LOOKING = "Looking. Agents are asked for their versions."


class DoctorPage(Page):
    """It looks by itself when it is opened, and when the meter came or went since. `opened` asks for a page,
    `meter_wanted` for the meter."""

    opened = Signal(str)
    meter_wanted = Signal()

    def __init__(self, commands: Commands, clock: Clock) -> None:
        super().__init__("Doctor")
        self._commands = commands
        self._clock = clock
        self._findings: list[Finding] = []
        self._checked_at: datetime | None = None
        self._is_looking = False
        self._had_meter: bool | None = None
        self.dialog: ConnectDialog | None = None
        self.copy_button = button("Copy report", self.copy_report)
        self.check_button = button("Check again", self.check, kind="primary")
        self.head.addWidget(self.copy_button)
        self.head.addWidget(self.check_button)
        self.verdict = Text(_LOOKING, ink="text_2")
        self._told, self._passed = QVBoxLayout(), QWidget()
        self._passed_rows = QVBoxLayout(self._passed)
        self.passed_button = button("", self.toggle_passed, kind="link")
        self._lay_out()
        self._show_findings([])

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Look again where the meter came or went."""
        self._clock.now = snapshot.read_at
        has_meter = snapshot.meter is not None
        if self._had_meter not in (None, has_meter):
            self.check()
        self._had_meter = has_meter
        if not self._is_looking:
            self._tell_verdict()

    def showEvent(self, event: QShowEvent) -> None:
        """Look everything over."""
        super().showEvent(event)
        self.check()

    def check(self) -> None:
        """Look everything over; the old findings stay until the new ones are there."""
        if self._is_looking:
            return
        self._is_looking = True
        self.error.clear()
        self.check_button.setEnabled(False)
        self.check_button.setToolTip(_LOOKING)
        self.verdict.setText(_LOOKING)
        self._commands.machine.examine(self._show_findings_of_now, self._failed)

    def copy_report(self) -> None:
        """All findings as text, into the clipboard."""
        QGuiApplication.clipboard().setText(report(self._findings))

    def toggle_passed(self) -> None:
        """Show what passed, or fold it away."""
        self._passed.setVisible(self._passed.isHidden())
        self._name_passed()

    def rows(self) -> list[FindingRow]:
        """The rows of what wants to be read, problems first."""
        return [widget for widget in widgets_in(self._told) if isinstance(widget, FindingRow)]

    def passed_rows(self) -> list[FindingRow]:
        """The rows of what passed, also while they are folded."""
        return [widget for widget in widgets_in(self._passed_rows) if isinstance(widget, FindingRow)]

    def _show_findings_of_now(self, findings: list[Finding]) -> None:
        self._ended()
        self._checked_at = datetime.now(UTC)
        self._clock.now = self._checked_at
        self._show_findings(findings)

    def _show_findings(self, findings: list[Finding]) -> None:
        self._findings = findings
        told, passed = told_and_passed(findings)
        for layout, group in ((self._told, told), (self._passed_rows, passed)):
            clear(layout)
            for finding in group:
                layout.addWidget(FindingRow(finding_view(finding), self._mender(finding)))
        self.copy_button.setVisible(bool(findings))
        self.passed_button.setVisible(bool(passed))
        self._name_passed()
        self._tell_verdict()

    def _tell_verdict(self) -> None:
        if self._checked_at is not None:
            self.verdict.setText(f"{verdict(self._findings)}. Checked {self._clock.phrase(self._checked_at)}.")

    def _name_passed(self) -> None:
        count = len(self.passed_rows())
        words = f"{count} check{'s' if count != 1 else ''} passed"
        self.passed_button.setText(words if self._passed.isHidden() else f"Hide what passed ({count})")
        self.passed_button.setAccessibleName(f"{words}. {'Show' if self._passed.isHidden() else 'Hide'} them")

    def _mender(self, finding: Finding) -> Callable[[], None]:
        return lambda: self._mend(finding)

    def _mend(self, finding: Finding) -> None:
        self.error.clear()
        if finding.remedy in _PAGES:
            self.opened.emit(_PAGES[finding.remedy])
        elif finding.remedy is Remedy.START_METER:
            self.meter_wanted.emit()
        elif finding.remedy is Remedy.CLOSE_FILE:
            self._commands.machine.close_file(Path(finding.target), self.check, self.error.tell)
        elif finding.remedy is Remedy.CONNECT_AGENT:
            self.dialog = ConnectDialog(self._commands, finding.target, finding.subject, self)
            self.dialog.connected.connect(self.check)
            self.dialog.failed.connect(self.error.tell)
            self.dialog.show_plan()

    def _failed(self, error: AppError) -> None:
        self._ended()
        self._tell_verdict()
        self.error.tell(error)

    def _ended(self) -> None:
        self._is_looking = False
        self.check_button.setEnabled(True)
        self.check_button.setToolTip("")

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN, 16, MARGIN, MARGIN)
        column.setSpacing(0)
        self._passed_rows.setContentsMargins(0, 4, 0, 0)
        for layout in (self._told, self._passed_rows):
            layout.setSpacing(0)
        self._passed.hide()
        column.addWidget(self.verdict)
        column.addSpacing(8)
        column.addLayout(self._told)
        column.addSpacing(16)
        column.addWidget(self.passed_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._passed)
        column.addStretch(1)
        self.content.addWidget(scrolling(inner), 1)
