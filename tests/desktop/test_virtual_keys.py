from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.assurance import Assurance
from app.core.key_limits import KeyLimits
from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.desktop.pages.keys import KeysPage
from app.desktop.pages.virtual_key_dialogs import NewKeyDialog, RotateKeyDialog, ShowKeyDialog
from app.desktop.window import Window
from app.keys.issue import issue_key
from app.keys.virtual_keys import fingerprint, looks_like_virtual_key
from app.ledger import cap_store, key_store
from app.ledger.assurance_store import note_level
from app.ledger.engine import Ledger
from tests.desktop.conftest import Scribe


@pytest.fixture
def page(window: Window, scribe: Scribe) -> KeysPage:
    window.open_page("Keys")
    return window.keys


def open_new(page: KeysPage, **texts: str) -> NewKeyDialog:
    page.create_new()
    dialog = page.dialog
    assert isinstance(dialog, NewKeyDialog)
    for name, text in texts.items():
        getattr(dialog, name).setText(text)
    return dialog


def row(page: KeysPage, number: int = 0) -> dict[str, str]:
    titles = [column.title for column in page.key_rows.columns]
    return {title: page.key_rows.index(number, place).data() for place, title in enumerate(titles)}


def test_a_key_is_made_with_limits_a_cap_and_an_end(qtbot: QtBot, page: KeysPage, ledger: Ledger) -> None:
    dialog = open_new(page, name="ci", providers="Anthropic, openai", models="claude-haiku-*", cap="5", days="7")
    dialog.window_kind.setCurrentIndex(dialog.window_kind.findText("a month"))
    QTest.mouseClick(dialog.create_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(page.dialog, ShowKeyDialog))
    [key] = key_store.list_keys(ledger)
    assert key.limits == KeyLimits(("anthropic", "openai"), ("claude-haiku-*",))
    assert key.expires_at is not None
    assert timedelta(days=6) < key.expires_at - datetime.now(UTC) <= timedelta(days=7)
    [cap] = cap_store.list_caps(ledger)
    assert (cap.scope, cap.scope_key, cap.limit_nano_usd) == (Scope.VIRTUAL_KEY, key.key_id, 5 * NANO_PER_USD)
    assert cap.window is CapWindow.MONTH
    qtbot.waitUntil(lambda: page.key_rows.rowCount() == 1)
    end = key.expires_at
    assert row(page)["May use"] == f"anthropic, openai; claude-haiku-*; until {end:%b} {end.day}"
    qtbot.waitUntil(lambda: row(page)["Cap"] == "$5.00 a month")  # a reading may fall between the key and its cap


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("providers", "acme", "No such provider"),
        ("models", "two words", "Not a model"),
        ("cap", "nothing", "amount"),
        ("cap", "0", "amount"),
        ("days", "-1", "Not a number of days"),
        ("days", "1.5", "Not a number of days"),
        ("days", "99999", "Not a number of days"),
    ],
)
def test_what_cannot_be_is_told_and_no_key_is_made(
    page: KeysPage, ledger: Ledger, field: str, text: str, said: str
) -> None:
    dialog = open_new(page, name="ci", **{field: text})
    dialog.submit()
    assert said in dialog.error.text
    assert key_store.list_keys(ledger) == []
    dialog.reject()


def test_a_key_gets_another_token_and_the_old_one_ends_when_it_is_told(
    qtbot: QtBot, page: KeysPage, ledger: Ledger
) -> None:
    key, old = issue_key(ledger, name="laptop", tags=Tags(project="billing-api"))
    qtbot.waitUntil(lambda: page.key_rows.rowCount() == 1)
    page.key_table.selectRow(0)
    QTest.mouseClick(page.rotate_button, Qt.MouseButton.LeftButton)
    dialog = page.dialog
    assert isinstance(dialog, RotateKeyDialog)
    assert dialog.grace.currentText() == "At once"
    dialog.grace.setCurrentIndex(dialog.grace.findText("After an hour"))
    dialog.submit()
    qtbot.waitUntil(lambda: isinstance(page.dialog, ShowKeyDialog))
    shown = page.dialog
    assert isinstance(shown, ShowKeyDialog)
    token = shown.value.text()
    assert looks_like_virtual_key(token)
    assert token != old
    now = datetime.now(UTC)
    for held, at in ((token, now + timedelta(days=30)), (old, now + timedelta(minutes=59))):
        with ledger.read() as connection:
            assert key_store.holder_of(connection, fingerprint(held), at).tags == key.tags
    shown.accept()
    assert shown.value.text() == ""


def test_a_key_without_limits_may_use_all_and_an_expired_one_nothing(
    qtbot: QtBot, page: KeysPage, ledger: Ledger
) -> None:
    issue_key(ledger, name="old", tags=Tags(), expires_at=datetime.now(UTC) - timedelta(days=1))
    issue_key(ledger, name="free", tags=Tags())
    qtbot.waitUntil(lambda: page.key_rows.rowCount() == 2)
    assert [(row(page, number)["Name"], row(page, number)["May use"]) for number in range(2)] == [
        ("free", "All"), ("old", "Nothing: it has expired"),
    ]  # fmt: skip
    assert row(page)["Cap"] == "—"
    page.key_table.selectRow(1)
    assert page.revoke_button.isVisible()
    assert not page.rotate_button.isVisible()


def test_the_head_says_how_far_agents_are_held_back(qtbot: QtBot, page: KeysPage, ledger: Ledger) -> None:
    assert page.assurance.link.text() == "Assurance: cooperative"
    key, _token = issue_key(ledger, name="boxed", tags=Tags(project="p"))
    note_level(ledger, key.key_id, Assurance.SANDBOXED)
    qtbot.waitUntil(lambda: page.assurance.link.text() == "Assurance: sandboxed")
