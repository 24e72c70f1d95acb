"""Settings: one column, effect at once, no Save."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import AppError, InvalidInput
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.settings_words import clock_text, port_of, upstream_words
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.exports_section import ExportsSection
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.team_section import TeamSection
from app.desktop.widgets.buttons import button
from app.desktop.widgets.choice import Choice, Tick
from app.desktop.widgets.ground import scrolling
from app.desktop.widgets.text import ElidedText, Text, heading
from app.services.settings import Settings, Theme, TrayInk

_PORT_WIDTH = 84
_CLOCK_WIDTH = 64
_PATH_WIDTH = 420
_NOTE_WIDTH = 520
_CAPTION_PAD = 5
_THEMES = {Theme.SYSTEM: "As the system", Theme.LIGHT: "Light", Theme.DARK: "Dark"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_INKS = {TrayInk.AUTOMATIC: "Automatic", TrayInk.LIGHT: "Light", TrayInk.DARK: "Dark"}
_QUIET = "Holds what caps, loops and the week have to say. Who waits and the meter are told at any time."
_UPDATES = "Only the release feed is read, and nothing is downloaded: you install a newer one yourself."
_LOGIN = "The meter runs from then on, also for agents that are connected for good."


class SettingsPage(Page):
    """`changed` tells the settings after each change that was written, `setup_wanted` asks for the first run."""

    changed = Signal(object)
    setup_wanted = Signal()

    def __init__(self, commands: Commands, settings: Settings) -> None:
        super().__init__("Settings")
        self._commands = commands
        self._settings = settings
        self.at_login = Tick("Start Bursar when I log in")
        self.theme, self.ink = Choice(), Choice()
        self.updates = Tick("Doctor also asks whether a newer Bursar is out")
        self.look_button = button("Check now", self._look_for_newer)
        self.setup_button = button("Set up again…", self.setup_wanted.emit)
        self.notifications = Tick("Tell me outside Bursar’s windows")
        self.on_caps = Tick("A cap reaches an alert level")
        self.on_waiting = Tick("An agent waits for an answer")
        self.on_meter = Tick("The meter stops, or runs again")
        self.on_loops = Tick("An agent repeats itself")
        self.on_week, self.week_day = Tick("What a week came to, in the next, on"), Choice()
        self.quiet_from, self.quiet_to = QLineEdit(), QLineEdit()
        self.gateway_port, self.forward_port = QLineEdit(), QLineEdit()
        self.team = TeamSection(commands)
        self._newer = Text(_UPDATES, ink="text_3", size=Size.CAPTION, wraps=True)
        self._newer.setMinimumWidth(_NOTE_WIDTH)  # a text that wraps asks for less than it needs
        self._listens = Text("", ink="text_2")
        self.exports = ExportsSection(commands.exports, self.error)
        self._upstreams = Text("", ink="text_2", wraps=True)
        self._name_controls()
        self.show_settings(settings)
        self._lay_out()
        self._wire()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Say where the meter listens now."""
        meter = snapshot.meter
        self._listens.setText(f"{meter.gateway_url} and {meter.forward_url}" if meter else "The meter is not running")

    def showEvent(self, event: QShowEvent) -> None:
        """The desktop's own settings may have changed what starts at login."""
        super().showEvent(event)
        self.team.look()
        self._commands.machine.look_at_login(self.at_login.setChecked, self.error.tell)
        self.exports.watch(is_shown=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self.exports.watch(is_shown=False)

    def show_settings(self, settings: Settings) -> None:
        """Show these."""
        self._settings = settings
        self.theme.setCurrentIndex(self.theme.findData(settings.theme))
        self.ink.setCurrentIndex(self.ink.findData(settings.tray_ink))
        self.notifications.setChecked(settings.notifications)
        for tick, name in self._ticks().items():
            tick.setChecked(getattr(settings, name))
            tick.setEnabled(settings.notifications or tick in (self.notifications, self.updates))
        self.week_day.setCurrentIndex(settings.week_told_on)
        self.week_day.setEnabled(settings.notifications and settings.notify_week)
        for field, text in ((self.quiet_from, settings.quiet_from), (self.quiet_to, settings.quiet_to)):
            field.setText(text)
            field.setEnabled(settings.notifications)
        self.gateway_port.setText(str(settings.gateway_port))
        self.forward_port.setText(str(settings.forward_port))
        self._upstreams.setText(upstream_words(settings.upstreams))
        self.team.show_settings(settings)
        self.exports.show_settings(settings)

    def start_at_login(self) -> None:
        """Do so from now on."""
        self._set_at_login(True)

    def _ticks(self) -> dict[Tick, str]:
        return {
            self.notifications: "notifications",
            self.on_caps: "notify_caps",
            self.on_waiting: "notify_waiting",
            self.on_meter: "notify_meter",
            self.on_loops: "notify_loops",
            self.on_week: "notify_week",
            self.updates: "update_check",
        }

    def _wire(self) -> None:
        self.at_login.clicked.connect(self._set_at_login)
        self.team.changed.connect(self._changed)
        self.team.failed.connect(self.error.tell)
        self.theme.activated.connect(lambda _index: self._change(theme=str(self.theme.currentData())))
        self.ink.activated.connect(lambda _index: self._change(tray_ink=str(self.ink.currentData())))
        self.exports.changed.connect(self._changed)
        self.exports.wanted.connect(lambda changes: self._change(**changes))
        self.week_day.activated.connect(lambda index: self._change(week_told_on=index))
        for tick, name in self._ticks().items():
            tick.clicked.connect(self._changer(name))
        for field, name, read in (
            (self.gateway_port, "gateway_port", port_of), (self.forward_port, "forward_port", port_of),
            (self.quiet_from, "quiet_from", clock_text), (self.quiet_to, "quiet_to", clock_text),
        ):  # fmt: skip
            field.editingFinished.connect(self._field_changer(field, name, read))

    def _changer(self, name: str) -> Callable[[bool], None]:
        return lambda is_on: self._change(**{name: is_on})

    def _field_changer(self, field: QLineEdit, name: str, read: Callable[[str], object]) -> Callable[[], None]:
        def change() -> None:
            if field.text() == str(getattr(self._settings, name)):
                return
            try:
                self._change(**{name: read(field.text())})
            except InvalidInput as error:
                self.error.tell(error)

        return change

    def _change(self, **changes: object) -> None:
        self.error.clear()
        self._commands.change_settings(self._changed, self.error.tell, **changes)

    def _changed(self, settings: Settings) -> None:
        self.show_settings(settings)
        self.changed.emit(settings)

    def _set_at_login(self, is_on: bool) -> None:
        self.error.clear()
        self._commands.machine.set_start_at_login(is_on, lambda: self.at_login.setChecked(is_on), self._not_at_login)

    def _look_for_newer(self) -> None:
        self.error.clear()
        self._commands.machine.find_newer(self._newer.setText, self.error.tell)

    def _not_at_login(self, error: AppError) -> None:
        self.error.tell(error)
        self._commands.machine.look_at_login(self.at_login.setChecked, self.error.tell)

    def _name_controls(self) -> None:
        for theme, words in _THEMES.items():
            self.theme.addItem(words, theme)
        for ink, words in _INKS.items():
            self.ink.addItem(words, ink)
        self.week_day.addItems(_DAYS)
        names: dict[QWidget, str] = {
            self.theme: "Theme", self.ink: "Tray icon ink", self.quiet_from: "Quiet hours from",
            self.quiet_to: "Quiet hours until", self.gateway_port: "Port for agents with a base URL",
            self.forward_port: "Port for agents with a proxy setting", self.week_day: "Day of the week's sum",
        }  # fmt: skip
        for control, name in names.items():
            control.setAccessibleName(name)
        for field in (self.gateway_port, self.forward_port):
            field.setFixedWidth(_PORT_WIDTH)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
        for field, example in ((self.quiet_from, "22:00"), (self.quiet_to, "07:00")):
            field.setFixedWidth(_CLOCK_WIDTH)
            field.setPlaceholderText(example)

    def _rows(self) -> list[tuple[str, QWidget | None]]:
        """Captions and controls; a caption without a control is a heading."""
        places = self._commands.places
        rows: list[tuple[str, QWidget | None]] = [("General", None)]
        if self._commands.machine.can_start_at_login:
            rows += [("At login", self.at_login), ("", _note(_LOGIN))]
        rows += [
            ("Theme", self.theme), ("Tray icon ink", self.ink), ("First run", self.setup_button),
            ("Updates", _in_row(self.updates, self.look_button)), ("", self._newer),
            ("Notifications", None), ("", self.notifications), ("When", self.on_caps), ("", self.on_waiting),
            ("", self.on_meter), ("", self.on_loops), ("", _in_row(self.on_week, self.week_day)),
            ("Quiet hours", _in_row(self.quiet_from, Text("to", ink="text_2"), self.quiet_to)), ("", _note(_QUIET)),
            ("Ledger", None), ("Folder", _place(places.ledger_folder, "Open the ledger’s folder")),
            ("Team", None), ("", self.team),
            ("Network", None), ("The meter listens at", self._listens), ("Base URL port", self.gateway_port),
            ("Proxy port", self.forward_port), ("", _note("A port counts from the meter’s next start.")),
            *self.exports.rows(),
            ("Advanced", None), ("Settings file", _place(places.settings_file, "Open the settings file")),
            ("Logs", _place(places.log_folder, "Open the folder of the logs")),
            ("Time zone", Text(self._commands.time_zone, ink="text_2")), ("Providers’ hosts", self._upstreams),
        ]  # fmt: skip
        return rows

    def _lay_out(self) -> None:
        inner = QWidget()
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        for place, (caption, control) in enumerate(self._rows()):
            if control is None:
                grid.addWidget(heading(caption), place, 0, 1, 2, Qt.AlignmentFlag.AlignBottom)
                grid.setRowMinimumHeight(place, 24 if place == 0 else 44)
            else:
                name, at = Text(caption, ink="text_2"), Qt.AlignmentFlag.AlignRight
                if control is self.exports:  # as high as all webhooks; the others are one line
                    name.setContentsMargins(0, _CAPTION_PAD, 0, 0)
                    at |= Qt.AlignmentFlag.AlignTop
                grid.addWidget(name, place, 0, at)
                grid.addWidget(control, place, 1, Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN, 16, MARGIN, MARGIN)
        column.addLayout(grid)
        column.addStretch(1)
        self.content.addWidget(scrolling(inner), 1)


def _note(words: str) -> Text:
    return Text(words, ink="text_3", size=Size.CAPTION)


def _in_row(*parts: QWidget) -> QWidget:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for part in parts:
        row.addWidget(part)
    return box


def _place(path: str, name: str) -> QWidget:
    """A path, cut in the middle where it is long, and Open; of what was not made yet, the folder it would be in."""

    def show() -> None:
        there = path if Path(path).exists() else str(Path(path).parent)
        QDesktopServices.openUrl(QUrl.fromLocalFile(there))

    shown = ElidedText(path, ink="text_2")
    shown.setMaximumWidth(_PATH_WIDTH)
    return _in_row(shown, button("Open", show, name=name))
