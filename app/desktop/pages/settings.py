"""Settings: one column, effect at once, no Save."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import InvalidInput
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.page import MARGIN, Page
from app.desktop.widgets.buttons import button
from app.desktop.widgets.choice import Choice, Tick
from app.desktop.widgets.ground import scrolling
from app.desktop.widgets.text import Text, heading
from app.services.settings import MAX_PORT, Settings, Theme

_PORT_WIDTH = 84
_THEMES = {Theme.SYSTEM: "As the system", Theme.LIGHT: "Light", Theme.DARK: "Dark"}


class SettingsPage(Page):
    """General, Notifications and Network. `changed` tells the settings after each change that was written."""

    changed = Signal(object)
    setup_wanted = Signal()

    def __init__(self, commands: Commands, settings: Settings) -> None:
        super().__init__("Settings")
        self._commands = commands
        self._settings = settings
        self.theme, self.notifications = Choice(), Tick("Tell me at alert levels and when an agent waits")
        self.gateway_port, self.forward_port = QLineEdit(), QLineEdit()
        self.setup_button = button("Set up again…", self.setup_wanted.emit)
        self._listens = Text("", ink="text_2")
        self._name_controls()
        self._fill(settings)
        self._lay_out()
        self.theme.activated.connect(lambda _index: self._change(theme=str(self.theme.currentData())))
        self.notifications.clicked.connect(lambda is_on: self._change(notifications=is_on))
        self.gateway_port.editingFinished.connect(lambda: self._change_port("gateway_port", self.gateway_port))
        self.forward_port.editingFinished.connect(lambda: self._change_port("forward_port", self.forward_port))

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Say where the meter listens now."""
        meter = snapshot.meter
        self._listens.setText(f"{meter.gateway_url} and {meter.forward_url}" if meter else "The meter is not running")

    def show_settings(self, settings: Settings) -> None:
        """Show these: they were changed elsewhere."""
        self._settings = settings
        self._fill(settings)

    def _change_port(self, name: str, field: QLineEdit) -> None:
        text = field.text().strip()
        if text == str(getattr(self._settings, name)):
            return
        if not text.isdecimal() or int(text) > MAX_PORT:
            self.error.tell(
                InvalidInput("Not a port", f"A port is a number from 0 to {MAX_PORT}; 0 takes any free one.")
            )
            return
        self._change(**{name: int(text)})

    def _change(self, **changes: object) -> None:
        self.error.clear()
        self._commands.change_settings(self._changed, self.error.tell, **changes)

    def _changed(self, settings: Settings) -> None:
        self._settings = settings
        self._fill(settings)
        self.changed.emit(settings)

    def _fill(self, settings: Settings) -> None:
        self.theme.setCurrentIndex(self.theme.findData(settings.theme))
        self.notifications.setChecked(settings.notifications)
        self.gateway_port.setText(str(settings.gateway_port))
        self.forward_port.setText(str(settings.forward_port))

    def _name_controls(self) -> None:
        for theme, words in _THEMES.items():
            self.theme.addItem(words, theme)
        self.theme.setAccessibleName("Theme")
        self.gateway_port.setAccessibleName("Port for agents with a base URL")
        self.forward_port.setAccessibleName("Port for agents with a proxy setting")
        for field in (self.gateway_port, self.forward_port):
            field.setFixedWidth(_PORT_WIDTH)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)

    def _lay_out(self) -> None:
        inner = QWidget()
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget | None], ...] = (
            ("General", None),
            ("Theme", self.theme),
            ("First run", self.setup_button),
            ("Notifications", None),
            ("At caps", self.notifications),
            ("Network", None),
            ("The meter listens at", self._listens),
            ("Base URL port", self.gateway_port),
            ("Proxy port", self.forward_port),
            ("", Text("A port counts from the meter's next start.", ink="text_3", size=Size.CAPTION)),
        )
        for place, (caption, control) in enumerate(rows):
            if control is None:
                grid.addWidget(heading(caption), place, 0, 1, 2)
                grid.setRowMinimumHeight(place, 24 if place == 0 else 44)
            else:
                grid.addWidget(Text(caption, ink="text_2"), place, 0, Qt.AlignmentFlag.AlignRight)
                grid.addWidget(control, place, 1, Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN, 16, MARGIN, MARGIN)
        column.addLayout(grid)
        column.addStretch(1)
        self.content.addWidget(scrolling(inner), 1)
