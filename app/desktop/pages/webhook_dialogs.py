"""Dialogs about exports: a new webhook, its secret, a collector's headers."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.core.errors import InvalidInput
from app.core.webhooks import Webhook, WebhookFormat, clean_webhook_name
from app.desktop.export_commands import ExportCommands
from app.desktop.models.export_words import FORMATS, GROUPS
from app.desktop.pages.key_dialogs import OnceDialog, form_layout
from app.desktop.pages.provider_key_dialogs import WorkingDialog
from app.desktop.widgets.choice import Choice, Tick
from app.desktop.widgets.text import Text
from app.services.settings import Settings


class WebhookDialog(WorkingDialog):
    """A new webhook. `kept` tells the settings, its name and its signing secret, empty where nothing is signed."""

    kept = Signal(object, str, str)

    def __init__(self, exports: ExportCommands, parent: QWidget) -> None:
        super().__init__("Add webhook", parent)
        self._exports = exports
        self.name, self.address, self.form = QLineEdit(), QLineEdit(), Choice()
        self.events = {group: Tick(words) for group, words in GROUPS.items()}
        self.private = Tick("It lies on this machine’s network")
        self.address.setEchoMode(QLineEdit.EchoMode.Password)
        self.name.setPlaceholderText("team-slack")
        for form, words in FORMATS.items():
            self.form.addItem(words, form)
        for field, name in ((self.name, "Name"), (self.form, "Format"), (self.address, "Address")):
            field.setAccessibleName(f"{name} of the webhook")
        self._lay_out()
        self.finished.connect(lambda _result: self.address.setText(""))  # the dialog lives as long as its page
        self.save_button = self.add_buttons("Add webhook", "primary")
        self.save_button.setDefault(True)

    def submit(self) -> None:
        """Keep it; the dialog closes when it is in the keyring."""
        self.error.clear()
        groups = tuple(group for group, tick in self.events.items() if tick.isChecked())
        try:
            name = clean_webhook_name(self.name.text())
        except InvalidInput as error:
            self.error.tell(error)
            return
        if not self.address.text().strip():
            self.error.tell(InvalidInput("No address", "Paste the address that the receiver gave you."))
        elif not groups:
            self.error.tell(InvalidInput("Nothing to tell", "Choose at least one thing that it is told of."))
        else:
            self.begin("The keyring is asked")
            form = WebhookFormat(self.form.currentData())
            webhook = Webhook(name, form, "", groups, self.private.isChecked())
            self._exports.add(webhook, self.address.text(), self._kept, self.end_badly)

    def _kept(self, settings: Settings, secret: str) -> None:
        name = clean_webhook_name(self.name.text())
        self.accept()
        self.kept.emit(settings, name, secret)

    def _lay_out(self) -> None:
        told = QWidget()
        column = QVBoxLayout(told)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for tick in self.events.values():
            tick.setChecked(True)
            column.addWidget(tick)
        form = form_layout()
        rows = (("Name", self.name), ("Format", self.form), ("Address", self.address), ("Told of", told))
        for caption, field in (*rows, ("", self.private)):
            form.addRow(Text(caption, ink="text_2"), field)
        self.column.addLayout(form)
        self.add_hint("The address goes into the system keyring. It is told of what happens from now on, by https.")


class SecretDialog(OnceDialog):
    """A webhook's signing secret, for the only time."""

    def __init__(self, name: str, secret: str, parent: QWidget) -> None:
        super().__init__(
            "Copy the signing secret now",
            f"By it the receiver of {name} knows that Bursar sent an event. It cannot be shown again.",
            secret,
            field=f"The signing secret of “{name}”",
            copying="Copy the signing secret",
            parent=parent,
        )
        self.value.setCursorPosition(0)


class HeadersDialog(WorkingDialog):
    """The headers that an OpenTelemetry collector wants, such as a key."""

    def __init__(self, exports: ExportCommands, parent: QWidget) -> None:
        super().__init__("Headers for OpenTelemetry", parent)
        self._exports = exports
        self.headers = QLineEdit()
        self.headers.setEchoMode(QLineEdit.EchoMode.Password)
        self.headers.setAccessibleName("Headers for OpenTelemetry")
        form = form_layout()
        form.addRow(Text("Headers", ink="text_2"), self.headers)
        self.column.addLayout(form)
        self.add_hint("Like x-api-key=…, with commas between several. They go into the system keyring.")
        self.add_hint("An empty field takes out what is there.")
        self.finished.connect(lambda _result: self.headers.setText(""))
        self.save_button = self.add_buttons("Keep headers", "primary")
        self.save_button.setDefault(True)

    def submit(self) -> None:
        """Keep them; the dialog closes when they are in the keyring."""
        self.begin("The keyring is asked")
        self._exports.set_headers(self.headers.text(), self.accept, self.end_badly)
