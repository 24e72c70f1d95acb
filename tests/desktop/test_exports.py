from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.core.webhooks import OTLP_HEADERS_ENTRY, EventGroup, Webhook, WebhookFormat
from app.desktop.models.export_words import running_words, webhook_words
from app.desktop.pages.exports_section import ExportsSection
from app.desktop.pages.key_dialogs import ConfirmDialog
from app.desktop.pages.webhook_dialogs import HeadersDialog, SecretDialog, WebhookDialog
from app.desktop.window import Window
from app.keys.vault import FixedVault
from app.ledger.engine import Ledger
from app.services.exports.running import Running
from app.services.exports.status import ExportState, ExportStates
from app.services.exports.webhook_delivery import collect, send_due
from app.services.settings import load_settings
from tests.services.exports.happenings import go_round
from tests.services.exports.receiver import Receiver, played_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with played_receiver() as playing:
        yield playing


@pytest.fixture
def section(window: Window) -> ExportsSection:
    window.open_page("Settings")
    return window.settings.exports


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def typed(field: QLineEdit, text: str) -> None:
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def added(qtbot: QtBot, section: ExportsSection, address: str, form: WebhookFormat) -> None:
    section.open_new()
    dialog = section.dialog
    assert isinstance(dialog, WebhookDialog)
    dialog.name.setText("team")
    dialog.address.setText(address)
    dialog.form.setCurrentIndex(dialog.form.findData(form))
    dialog.events[EventGroup.CAPS].setChecked(False)
    dialog.submit()
    qtbot.waitUntil(lambda: "team" in section.hooks)


def test_ports_and_addresses_take_effect_at_once(qtbot: QtBot, section: ExportsSection, settings_file: Path) -> None:
    assert not section.headers_button.isEnabled()
    typed(section.port, "9464")
    qtbot.waitUntil(lambda: load_settings(settings_file).prometheus_port == 9464)
    typed(section.endpoint, "http://localhost:4318")
    qtbot.waitUntil(lambda: load_settings(settings_file).otlp_endpoint == "http://localhost:4318")
    qtbot.waitUntil(section.headers_button.isEnabled)
    section.port.clear()
    QTest.keyClick(section.port, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: load_settings(settings_file).prometheus_port == 0)


def test_what_is_no_port_and_no_address_is_told(qtbot: QtBot, window: Window, section: ExportsSection) -> None:
    typed(section.port, "99999")
    assert "Not a port" in window.settings.error.text
    typed(section.endpoint, "collector")
    qtbot.waitUntil(lambda: "must be an address" in window.settings.error.text)


def test_a_webhook_is_added_with_its_secret_shown_once_tried_and_removed(
    qtbot: QtBot, section: ExportsSection, settings_file: Path, vault: FixedVault, receiver: Receiver
) -> None:
    added(qtbot, section, receiver.url, WebhookFormat.JSON)
    [webhook] = load_settings(settings_file).webhooks
    assert EventGroup.CAPS not in webhook.events
    shown = section.dialog
    assert isinstance(shown, SecretDialog)
    assert shown.value.text() == vault.get(webhook.secret_entry)
    shown.accept()
    assert shown.value.text() == ""
    section.hooks["team"].test_button.click()
    qtbot.waitUntil(lambda: section.hooks["team"].state == "It took the test.")
    assert receiver.titles == ["Bursar reaches you"]
    section.hooks["team"].remove_button.click()
    asked = section.dialog
    assert isinstance(asked, ConfirmDialog)
    asked.submit()
    qtbot.waitUntil(lambda: not section.hooks)
    assert load_settings(settings_file).webhooks == ()
    assert vault.get(webhook.address_entry) is None


def test_slack_needs_no_secret(qtbot: QtBot, section: ExportsSection, vault: FixedVault, receiver: Receiver) -> None:
    added(qtbot, section, receiver.url, WebhookFormat.SLACK)
    assert isinstance(section.dialog, WebhookDialog)
    assert not section.dialog.isVisible()
    assert section.dialog.address.text() == ""
    assert vault.get("webhook/team/address") == receiver.url


def test_a_test_that_did_not_arrive_says_why(qtbot: QtBot, section: ExportsSection, receiver: Receiver) -> None:
    added(qtbot, section, receiver.url, WebhookFormat.SLACK)
    receiver.answers = [(403, {})]
    section.hooks["team"].test_button.click()
    qtbot.waitUntil(lambda: "status 403" in section.hooks["team"].state)


@pytest.mark.parametrize(
    ("name", "address", "told"),
    [
        ("two words", "https://h.example/x", "Not a webhook’s name"), ("team", " ", "No address"),
        ("team", "http://h.example/SECRET", "Not a safe address"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_webhook_is_told_in_its_dialog(
    qtbot: QtBot, section: ExportsSection, name: str, address: str, told: str
) -> None:
    section.open_new()
    dialog = section.dialog
    assert isinstance(dialog, WebhookDialog)
    dialog.name.setText(name)
    dialog.address.setText(address)
    dialog.submit()
    qtbot.waitUntil(lambda: told.replace("’", "'") in dialog.error.text.replace("’", "'"))
    assert "SECRET" not in dialog.error.text
    assert dialog.isVisible()
    for tick in dialog.events.values():
        tick.setChecked(False)
    dialog.name.setText("team")
    dialog.address.setText("https://h.example/x")
    dialog.submit()
    assert "Nothing to tell" in dialog.error.text


def test_headers_go_into_the_keyring_and_out(
    qtbot: QtBot, section: ExportsSection, settings_file: Path, vault: FixedVault
) -> None:
    typed(section.endpoint, "http://localhost:4318")
    qtbot.waitUntil(section.headers_button.isEnabled)
    for text, kept in (("x-api-key=k", "x-api-key=k"), ("", None)):
        section.headers_button.click()
        dialog = section.dialog
        assert isinstance(dialog, HeadersDialog)
        dialog.headers.setText(text)
        dialog.submit()
        qtbot.waitUntil(lambda dialog=dialog: not dialog.isVisible())  # type: ignore[misc]
        assert vault.get(OTLP_HEADERS_ENTRY) == kept
        assert "x-api-key" not in settings_file.read_text()


def test_what_did_not_arrive_shows_under_its_webhook(
    qtbot: QtBot, section: ExportsSection, settings_file: Path, vault: FixedVault, receiver: Receiver, ledger: Ledger
) -> None:
    added(qtbot, section, receiver.url, WebhookFormat.SLACK)
    [webhook], now = load_settings(settings_file).webhooks, datetime.now(UTC)
    collect(ledger, webhook, now)
    go_round(ledger)
    collect(ledger, webhook, now)
    receiver.answers = [(404, {})]
    send_due(ledger, webhook, vault, now)
    section.look()
    qtbot.waitUntil(lambda: "1 never arrived. The receiver answered with status 404." in section.hooks["team"].state)


def test_the_words_tell_who_runs_what_and_what_is_wrong() -> None:
    assert running_words(ExportStates(None, ())) == "Nothing is exported by itself."
    state = ExportState("Prometheus", "", "In trouble", "The port cannot be had.", None, 0)
    assert running_words(ExportStates(None, (state,))) == "Not running yet."
    by = Running(1, "bursar proxy", {})
    assert running_words(ExportStates(by, (state,))) == "Prometheus: The port cannot be had."
    webhook = Webhook("a", WebhookFormat.SLACK, "", (EventGroup.LOOPS,))
    assert webhook_words(webhook) == "Slack at an address in the keyring, told of loops"
