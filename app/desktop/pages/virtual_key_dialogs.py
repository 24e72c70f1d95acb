"""Dialogs about virtual keys: a new one, another token for one, a token shown once."""

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.core.caps import Action
from app.core.errors import InvalidInput
from app.core.key_limits import KeyCap, KeyLimits, model_patterns
from app.core.money import parse_usd
from app.core.providers import PROVIDERS, provider_named
from app.core.tags import Tags, clean_label
from app.core.windows import Window
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.pages.key_dialogs import KeyDialog, OnceDialog, form_layout
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.text import Text
from app.ledger.key_store import VirtualKey

MOST_DAYS = 3_650
_WINDOWS = {"a day": Window.DAY, "a week": Window.WEEK, "a month": Window.MONTH, "in total": Window.TOTAL}
_GRACES = {
    "At once": timedelta(),
    "After 10 minutes": timedelta(minutes=10),
    "After an hour": timedelta(hours=1),
    "After a day": timedelta(days=1),
}


class NewKeyDialog(KeyDialog):
    """A new virtual key: whom it is charged to, and what it may be used for. `issued` tells its name and its token."""

    issued = Signal(str, str)

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__("New virtual key", parent)
        self._commands = commands
        self.name, self.project, self.agent = QLineEdit(), QLineEdit(), QLineEdit()
        self.providers, self.models = QLineEdit(), QLineEdit()
        self.cap, self.window_kind, self.days = QLineEdit(), Choice(), QLineEdit()
        for words, window in _WINDOWS.items():
            self.window_kind.addItem(words, window)
        self.window_kind.setAccessibleName("How often the cap of the new key starts anew")
        self._lay_out()
        self.create_button = self.add_buttons("Create key", "primary")
        self.create_button.setDefault(True)

    def submit(self) -> None:
        """Issue it; the dialog closes when the ledger took it."""
        self.error.clear()
        try:
            name = clean_label(self.name.text())
            if not name:
                raise InvalidInput("A key needs a name", "Name it after the agent that will hold it.")
            limits = KeyLimits(_providers(self.providers.text()), model_patterns([self.models.text()]))
            expires_at, cap = _expiry(self.days.text()), self._cap()
        except InvalidInput as error:
            self.error.tell(error)
            return
        tags = Tags(project=clean_label(self.project.text()), agent=clean_label(self.agent.text()))
        self._commands.issue_key(
            name, tags, self._issued, self.error.tell, limits=limits, cap=cap, expires_at=expires_at
        )  # fmt: skip

    def _cap(self) -> KeyCap | None:
        text = self.cap.text().strip()
        if not text:
            return None
        return KeyCap(parse_usd(text), self.window_kind.currentData(), Action.PAUSE, self._commands.time_zone)

    def _issued(self, key: VirtualKey, token: str) -> None:
        self.accept()
        self.issued.emit(key.name, token)

    def _lay_out(self) -> None:
        form, cap = form_layout(), QHBoxLayout()
        cap.setSpacing(8)
        cap.addWidget(Text("$", ink="text_2"))
        cap.addWidget(self.cap, 1)
        cap.addWidget(self.window_kind)
        fields = {
            "Name": self.name, "Project": self.project, "Agent": self.agent, "Providers": self.providers,
            "Models": self.models, "Cap": self.cap, "Days": self.days,
        }  # fmt: skip
        for caption, field in fields.items():
            field.setAccessibleName(f"{caption} of the new key")
            if field is self.cap:
                form.addRow(Text(caption, ink="text_2"), cap)
            else:
                form.addRow(Text(caption, ink="text_2"), field)
        self.column.addLayout(form)
        for words in (
            "Calls made with it are charged to this project and agent. The agent cannot change that.",
            "Left empty: every provider and model, no cap of its own, no end. Models may be claude-haiku-*.",
        ):
            self.column.addWidget(Text(words, ink="text_3", size=Size.CAPTION, wraps=True))


class RotateKeyDialog(KeyDialog):
    """Another token for a key, and when the old one ends. `rotated` tells its name and the new token."""

    rotated = Signal(str, str)

    def __init__(self, commands: Commands, key: VirtualKey, parent: QWidget) -> None:
        super().__init__(f"New token for “{key.name}”", parent)
        self._commands = commands
        self._key = key
        self.grace = Choice()
        for words, grace in _GRACES.items():
            self.grace.addItem(words, grace)
        self.grace.setAccessibleName("When the old token ends")
        form = form_layout()
        form.addRow(Text("The old one ends", ink="text_2"), self.grace)
        self.column.addLayout(form)
        said = "What the key is charged to, its limits and its cap stay. Leave no time where the old one has leaked."
        self.column.addWidget(Text(said, ink="text_3", size=Size.CAPTION, wraps=True))
        self.rotate_button = self.add_buttons("New token", "primary")

    def submit(self) -> None:
        """Make it; the dialog closes when the ledger took it."""
        self.error.clear()
        self._commands.rotate_key(self._key.key_id, self.grace.currentData(), self._rotated, self.error.tell)

    def _rotated(self, key: VirtualKey, token: str) -> None:
        self.accept()
        self.rotated.emit(key.name, token)


class ShowKeyDialog(OnceDialog):
    """The token, for the only time."""

    def __init__(self, name: str, token: str, parent: QWidget) -> None:
        words, field = "It is not stored and cannot be shown again.", f"The key “{name}”"
        super().__init__("Copy this key now", words, token, field=field, copying="Copy the key", parent=parent)


def _providers(text: str) -> tuple[str, ...]:
    """Names of providers, parted by commas. Raises InvalidInput for one that is not known."""
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    for name in names:
        if provider_named(name) is None:
            known = ", ".join(provider.name for provider in PROVIDERS)
            raise InvalidInput("No such provider", f"“{clean_label(name, 40)}” is not one of {known}.")
    return names


def _expiry(days: str) -> datetime | None:
    """When a key ends that is to live for so many days. Raises InvalidInput."""
    text = days.strip()
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= MOST_DAYS:
        raise InvalidInput("Not a number of days", f"Days are a whole number from 1 to {MOST_DAYS}.")
    return datetime.now(UTC) + timedelta(days=int(text))
