"""What a person can order about exports and webhooks. The keyring and receivers may keep their caller waiting, so this
work has a thread of its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import AppError
from app.core.webhooks import Webhook, WebhookFormat
from app.desktop.tasks import Tasks
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.services.exports.parts import keep_headers
from app.services.exports.status import ExportStates, export_states
from app.services.exports.webhook_bodies import new_secret
from app.services.settings import Settings, load_settings
from app.services.webhooks import add_webhook, remove_webhook, try_webhook

type Done = Callable[[], None]
type Failed = Callable[[AppError], None]


class ExportCommands:
    """Orders. `done` and `failed` are called back on the UI thread."""

    def __init__(self, ledger: Ledger, vault: Vault, lane: Tasks, settings_file: Path) -> None:
        self._ledger = ledger
        self._vault = vault
        self._lane = lane
        self._settings_file = settings_file

    def read(self, done: Callable[[ExportStates], None], failed: Failed) -> None:
        """How all that is exported stands."""
        self._lane.run(
            lambda: export_states(self._ledger, load_settings(self._settings_file), datetime.now(UTC)), done, failed
        )

    def add(self, webhook: Webhook, address: str, done: Callable[[Settings, str], None], failed: Failed) -> None:
        """Keep a webhook; `done` gets the settings and the signing secret, which is empty where nothing is signed."""

        def work() -> tuple[Settings, str]:
            secret = new_secret() if webhook.format is WebhookFormat.JSON else ""
            add_webhook(self._settings_file, self._vault, webhook, address, secret)
            return load_settings(self._settings_file), secret

        self._lane.run(work, lambda told: done(*told), failed)

    def remove(self, webhook: Webhook, done: Callable[[Settings], None], failed: Failed) -> None:
        """Forget a webhook, and what it was still to be told."""

        def work() -> Settings:
            remove_webhook(self._ledger, self._settings_file, self._vault, webhook.name)
            return load_settings(self._settings_file)

        self._lane.run(work, done, failed)

    def test(self, webhook: Webhook, done: Done, failed: Failed) -> None:
        """Send it a test."""
        self._lane.run(lambda: try_webhook(webhook, self._vault), lambda _none: done(), failed)

    def set_headers(self, text: str, done: Done, failed: Failed) -> None:
        """Put the collector's headers into the keyring; none take them out."""

        def work() -> None:
            keep_headers(self._vault, load_settings(self._settings_file).otlp_endpoint, text)

        self._lane.run(work, lambda _none: done(), failed)
