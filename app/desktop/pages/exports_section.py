"""What Settings says about exports: Prometheus, OpenTelemetry, webhooks, and how they stand."""

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import InvalidInput
from app.core.webhooks import Webhook
from app.desktop.export_commands import ExportCommands
from app.desktop.fonts import MEDIUM, Size
from app.desktop.models.export_words import exporter_port, running_words, webhook_words
from app.desktop.pages.key_dialogs import ConfirmDialog
from app.desktop.pages.webhook_dialogs import HeadersDialog, SecretDialog, WebhookDialog
from app.desktop.widgets.buttons import button
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.text import ElidedText, Text
from app.services.exports.status import ExportState, ExportStates
from app.services.settings import Settings

_PORT_WIDTH = 84
_ENDPOINT_WIDTH = 320
_ROW_WIDTH = 520
_LOOK_EVERY_MS = 2_000
_ABOUT_WEBHOOKS = "Slack, or a server of yours, is told of what needs you. The tray sends it in the background."


class WebhookRow(QWidget):
    """One webhook: its name with Test and Remove, where it leads, and how it stands."""

    def __init__(self, webhook: Webhook, test: Callable[[], object], remove: Callable[[], object]) -> None:
        super().__init__()
        self.webhook = webhook
        self.setFixedWidth(_ROW_WIDTH)
        self.test_button = button("Test", test, name=f"Test {webhook.name}")
        self.remove_button = button("Remove…", remove, name=f"Remove {webhook.name}")
        self._state = ElidedText("", ink="text_3", size=Size.CAPTION)
        self._trouble = ElidedText("", ink="at_text", size=Size.CAPTION)
        self._trouble.hide()
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(ElidedText(webhook.name, weight=MEDIUM), 1)
        head.addWidget(self.test_button)
        head.addWidget(self.remove_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(ElidedText(webhook_words(webhook), ink="text_2", size=Size.CAPTION))
        column.addWidget(self._state)
        column.addWidget(self._trouble)

    def show_state(self, state: ExportState) -> None:
        """How it stands."""
        self.tell(f"{state.state}.", state.trouble)

    def tell(self, words: str, trouble: str = "") -> None:
        """Say this under it, and what is wrong."""
        self._state.setText(words)
        self._trouble.setText(trouble)
        self._trouble.setVisible(bool(trouble))

    @property
    def state(self) -> str:
        """What it says of itself."""
        return f"{self._state.text()} {self._trouble.text()}".strip()


class ExportsSection(QWidget):
    """The controls of the section; `rows` are laid out by the page. `changed` tells the settings after webhooks were
    added or removed, `wanted` asks for other settings, by name."""

    changed = Signal(object)
    wanted = Signal(dict)

    def __init__(self, exports: ExportCommands, error: ErrorLine) -> None:
        super().__init__()
        self.commands = exports
        self._error = error
        self._settings = Settings()
        self.port, self.endpoint = QLineEdit(), QLineEdit()
        self.headers_button = button("Headers…", self.open_headers)
        self.add_button = button("Add webhook…", self.open_new)
        self.running = Text("", ink="text_3", size=Size.CAPTION, wraps=True)
        self.running.setMinimumWidth(_ROW_WIDTH)  # a text that wraps asks for less than it needs
        self.hooks: dict[str, WebhookRow] = {}
        self.dialog: QDialog | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._look_again = QTimer(self)
        self._look_again.setInterval(_LOOK_EVERY_MS)
        self._look_again.timeout.connect(self.look)
        self._dress()

    def rows(self) -> list[tuple[str, QWidget | None]]:
        """Captions and controls; a caption without a control is a heading."""
        collector = QWidget()
        row = QHBoxLayout(collector)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.endpoint)
        row.addWidget(self.headers_button)
        about = Text(_ABOUT_WEBHOOKS, ink="text_3", size=Size.CAPTION)
        return [
            ("Exports", None), ("Prometheus port", self.port), ("OpenTelemetry", collector), ("", self.running),
            ("Webhooks", self), ("", about),
        ]  # fmt: skip

    def show_settings(self, settings: Settings) -> None:
        """Show these."""
        is_other = settings.webhooks != self._settings.webhooks
        self._settings = settings
        self.port.setText(str(settings.prometheus_port or ""))
        self.endpoint.setText(settings.otlp_endpoint)
        self.headers_button.setEnabled(bool(settings.otlp_endpoint))
        if is_other:
            self._show_webhooks(settings)
        if self.isVisible():
            self.look()

    def look(self) -> None:
        """Read how all stands, while it is seen."""
        if self.isVisible():
            self.commands.read(self._show_states, self._error.tell)

    def watch(self, *, is_shown: bool) -> None:
        """Look now and then, or not any more."""
        if is_shown:
            self.look()
            self._look_again.start()
        else:
            self._look_again.stop()

    def open_new(self) -> None:
        """Ask for a new webhook."""
        self._error.clear()
        dialog = WebhookDialog(self.commands, self)
        dialog.kept.connect(self._keep)
        self._open(dialog)

    def open_headers(self) -> None:
        """Ask for the collector's headers."""
        self._error.clear()
        self._open(HeadersDialog(self.commands, self))

    def test(self, webhook: Webhook) -> None:
        """Send a test, and say what came of it."""
        row = self.hooks[webhook.name]
        row.test_button.setEnabled(False)
        row.tell("A test is sent.")

        def done() -> None:
            row.test_button.setEnabled(True)
            row.tell("It took the test.")

        def failed(error: Exception) -> None:
            row.test_button.setEnabled(True)
            row.tell("The test did not arrive.", str(error))

        self.commands.test(webhook, done, failed)

    def remove(self, webhook: Webhook) -> None:
        """Ask whether it is meant."""
        said = "It is told nothing more, and its address is taken out of the keyring. This cannot be undone."
        dialog = ConfirmDialog(f"Remove {webhook.name}?", said, "Remove", self)
        dialog.accepted.connect(lambda: self.commands.remove(webhook, self.changed.emit, self._error.tell))
        self._open(dialog)

    def show_secret(self, name: str, secret: str) -> None:
        """Show a signing secret, for the only time."""
        self._open(SecretDialog(name, secret, self))

    def _keep(self, settings: Settings, name: str, secret: str) -> None:
        self.changed.emit(settings)
        if secret:
            self.show_secret(name, secret)

    def _show_webhooks(self, settings: Settings) -> None:
        for row in self.hooks.values():
            self._column.removeWidget(row)
            row.deleteLater()
        self.hooks = {one.name: self._row(one) for one in settings.webhooks}
        for place, row in enumerate(self.hooks.values()):
            self._column.insertWidget(place, row)

    def _row(self, webhook: Webhook) -> WebhookRow:
        return WebhookRow(webhook, lambda: self.test(webhook), lambda: self.remove(webhook))

    def _show_states(self, states: ExportStates) -> None:
        self.running.setText(running_words(states))
        for state in states.parts:
            row = None if state.webhook is None else self.hooks.get(state.webhook.name)
            if row is not None and row.test_button.isEnabled():
                row.show_state(state)

    def _dress(self) -> None:
        self.port.setFixedWidth(_PORT_WIDTH)
        self.port.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.port.setPlaceholderText("None")
        self.port.setAccessibleName("Port for Prometheus")
        self.endpoint.setFixedWidth(_ENDPOINT_WIDTH)
        self.endpoint.setPlaceholderText("http://localhost:4318")
        self.endpoint.setAccessibleName("Address of the OpenTelemetry collector")
        self.port.editingFinished.connect(self._want_port)
        self.endpoint.editingFinished.connect(self._want_endpoint)

    def _want_port(self) -> None:
        try:
            port = exporter_port(self.port.text())
        except InvalidInput as error:
            self._error.tell(error)
            return
        if port != self._settings.prometheus_port:
            self.wanted.emit({"prometheus_port": port})

    def _want_endpoint(self) -> None:
        endpoint = self.endpoint.text().strip()
        if endpoint != self._settings.otlp_endpoint:
            self.wanted.emit({"otlp_endpoint": endpoint})

    def _open(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()
