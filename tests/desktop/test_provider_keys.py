import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.core.errors import VaultAbsent, VaultLocked
from app.core.provider_keys import KeyName, ProviderKey, Trial
from app.core.tags import Scope
from app.core.windows import Window as CapWindow
from app.desktop.models.columns import Clock
from app.desktop.models.key_columns import key_state, key_use
from app.desktop.pages.key_dialogs import ConfirmDialog, NoteDialog
from app.desktop.pages.provider_key_dialogs import MoveKeyDialog, ProviderKeyDialog, ReplaceKeyDialog, UseKeyDialog
from app.desktop.pages.provider_keys import ProviderKeysSection
from app.desktop.window import Window
from app.keys.vault import FixedVault
from app.ledger import approval_store, cap_store
from app.ledger.engine import Ledger
from app.ledger.provider_key_store import list_provider_keys, note_provider_key, set_project_key
from app.services.found_keys import FoundKey
from app.services.settings import change_settings
from tests.desktop.conftest import TAGS, ZONE, Scribe
from tests.services.key_provider import KeyProvider, key_provider

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
OLD, NEW, WRONG = "sk-old-0123456789", "sk-new-0123456789", "sk-wrong-0123456789"


class PlayedVault(FixedVault):
    """A keyring that can be locked, absent or slow to answer."""

    is_lasting = True

    def __init__(self) -> None:
        super().__init__({})
        self.is_locked = self.is_absent = False
        self.prompts = 0
        self.answers = threading.Event()
        self.answers.set()

    def look(self) -> None:
        if self.is_absent:
            raise VaultAbsent("No keyring on this desktop", "Install one.")
        if self.is_locked:
            raise VaultLocked("The keyring is locked", "Unlock it.")

    def set(self, entry: str, key: str) -> None:
        self.answers.wait()
        super().set(entry, key)

    def unlock(self) -> None:
        self.prompts += 1
        self.is_locked = False


@pytest.fixture
def vault() -> PlayedVault:
    return PlayedVault()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without keys, whatever the machine's own has."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[KeyProvider]:
    with key_provider({OLD: 200, NEW: 200}) as played:
        change_settings(tmp_path / "settings.json", upstreams={"anthropic": played.url, "openai": played.url})
        yield played


@pytest.fixture
def section(qtbot: QtBot, window: Window, scribe: Scribe) -> ProviderKeysSection:
    window.open_page("Keys")
    qtbot.waitUntil(lambda: not window.keys._commands.keys._is_looking)  # a second look at once would be dropped
    return window.keys.providers


def select(qtbot: QtBot, section: ProviderKeysSection, row: int = 0) -> None:
    qtbot.waitUntil(lambda: section.rows.rowCount() > row)
    section.table.selectRow(row)


def keep(ledger: Ledger, vault: PlayedVault, name: KeyName, key: str = OLD) -> None:
    vault.set(name.entry, key)
    note_provider_key(ledger, name, datetime.now(UTC))


def column(section: ProviderKeysSection, row: int) -> list[str]:
    return [section.rows.index(row, place).data() for place in range(section.rows.columnCount())]


def test_a_new_key_goes_into_the_vault_only_and_is_tested(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault, provider: KeyProvider
) -> None:
    QTest.mouseClick(section.add_button, Qt.MouseButton.LeftButton)
    asked = section.dialog
    assert isinstance(asked, ProviderKeyDialog)
    assert asked.key.echoMode() is QLineEdit.EchoMode.Password
    QTest.mouseClick(asked.save_button, Qt.MouseButton.LeftButton)
    assert "No key" in asked.error.text
    QTest.keyClicks(asked.label, "personal")
    QTest.keyClicks(asked.key, OLD)
    QTest.mouseClick(asked.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: vault.get("anthropic/personal") == OLD)
    qtbot.waitUntil(lambda: section.rows.rowCount() == 1 and section.rows.value(0).trial is Trial.WORKS)
    assert asked.key.text() == ""
    told = column(section, 0)
    assert told[:2] == ["Anthropic, personal", "api.anthropic.com"]
    assert told[2].startswith("Works, tested ")
    assert told[3:] == ["Default", "—"]
    assert provider.asked == [("/v1/models", "x-api-key", OLD)]
    assert OLD.encode() not in ledger.path.read_bytes()


def test_a_second_key_needs_a_label(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault, provider: KeyProvider
) -> None:
    keep(ledger, vault, KeyName("anthropic"))
    qtbot.waitUntil(lambda: section.rows.rowCount() == 1)
    section.open_new()
    asked = section.dialog
    assert isinstance(asked, ProviderKeyDialog)
    asked.key.setText(NEW)
    asked.submit()
    assert "another label" in asked.error.text
    asked.label.setText("team")
    asked.submit()
    qtbot.waitUntil(lambda: vault.get("anthropic/team") == NEW)
    assert vault.get("anthropic") == OLD


def test_a_key_is_replaced_once_the_provider_takes_the_new_one(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault, provider: KeyProvider
) -> None:
    keep(ledger, vault, KeyName("openai"))
    select(qtbot, section)
    QTest.mouseClick(section.replace_button, Qt.MouseButton.LeftButton)
    asked = section.dialog
    assert isinstance(asked, ReplaceKeyDialog)
    asked.key.setText(WRONG)
    asked.submit()
    qtbot.waitUntil(lambda: "Refused by OpenAI" in asked.error.text)
    assert vault.get("openai") == OLD
    asked.key.setText(NEW)
    asked.submit()
    qtbot.waitUntil(lambda: vault.get("openai") == NEW)
    qtbot.waitUntil(lambda: section.rows.value(0).trial is Trial.WORKS)


def test_a_key_that_is_refused_says_so_in_its_row(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault, provider: KeyProvider
) -> None:
    keep(ledger, vault, KeyName("openai"), WRONG)
    select(qtbot, section)
    QTest.mouseClick(section.test_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: column(section, 0)[2] == "Refused by OpenAI")
    qtbot.waitUntil(section.test_button.isEnabled)


def test_a_project_is_told_which_key_its_calls_use(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault, scribe: Scribe
) -> None:
    scribe.write_call()
    for label in ("", "team"):
        keep(ledger, vault, KeyName("openai", label))
    select(qtbot, section, 1)
    QTest.mouseClick(section.use_button, Qt.MouseButton.LeftButton)
    asked = section.dialog
    assert isinstance(asked, UseKeyDialog)
    qtbot.waitUntil(lambda: asked.project.findText("billing-api") >= 0)
    asked.submit()
    assert "Nothing was chosen" in asked.error.text
    asked.project.setCurrentText("billing-api")
    asked.submit()
    qtbot.waitUntil(lambda: column(section, 1)[3] == "billing-api")
    assert list_provider_keys(ledger)[0].is_default
    section.open_use()
    again = section.dialog
    assert isinstance(again, UseKeyDialog)
    again.by_default.setChecked(True)
    again.submit()
    qtbot.waitUntil(lambda: column(section, 0)[3] == "Default, billing-api")
    assert column(section, 1)[3] == "Not used"


def test_a_key_is_removed_after_a_question(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault
) -> None:
    keep(ledger, vault, KeyName("openai"))
    select(qtbot, section)
    QTest.keyClick(section.table, Qt.Key.Key_Delete)
    asked = section.dialog
    assert isinstance(asked, ConfirmDialog)
    QTest.mouseClick(asked.confirm_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: section.rows.rowCount() == 0)
    assert vault.get("openai") is None
    assert not section.test_button.isVisible()


def test_a_locked_keyring_is_told_and_opened_only_by_the_persons_own_click(
    qtbot: QtBot, section: ProviderKeysSection, vault: PlayedVault
) -> None:
    assert section.locked.words == ""
    vault.is_locked = True
    section.look()
    qtbot.waitUntil(lambda: section.locked.words == "The keyring is locked. Calls wait for it.")
    assert vault.prompts == 0
    QTest.mouseClick(section.locked.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: section.locked.words == "")
    assert vault.prompts == 1


def test_a_keyring_that_was_opened_elsewhere_is_seen(
    qtbot: QtBot, section: ProviderKeysSection, vault: PlayedVault
) -> None:
    vault.is_locked = True
    section.look()
    qtbot.waitUntil(lambda: section.locked.words != "")
    vault.is_locked = False
    section._timer.setInterval(20)
    qtbot.waitUntil(lambda: section.locked.words == "")


def test_without_a_keyring_the_page_says_how_to_get_one(
    qtbot: QtBot, section: ProviderKeysSection, vault: PlayedVault
) -> None:
    vault.is_absent = True
    section.look()
    qtbot.waitUntil(lambda: section.absent.words.startswith("No keyring on this desktop"))
    QTest.mouseClick(section.absent.button, Qt.MouseButton.LeftButton)
    assert isinstance(section.dialog, NoteDialog)


def test_an_approval_does_not_wait_for_the_keyring(
    qtbot: QtBot, window: Window, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault, scribe: Scribe
) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.PROJECT, scope_key=TAGS.project, window=CapWindow.DAY,
        limit_nano_usd=1, time_zone="UTC",
    )  # fmt: skip
    scribe.ask(2)
    vault.answers.clear()
    commands = window.keys._commands
    done: list[str] = []
    for name in ("one", "two", "three"):
        commands.keys.keep(KeyName("openai", name), NEW, partial(done.append, name), section._error.tell)
    [ask] = approval_store.waiting(ledger)
    commands.refuse((ask,), section._error.tell)
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])
    assert done == []
    vault.answers.set()
    qtbot.waitUntil(lambda: done == ["one", "two", "three"])


def test_a_key_in_the_clear_is_found_and_moved(
    qtbot: QtBot, window: Window, section: ProviderKeysSection, vault: PlayedVault, provider: KeyProvider, home: Path
) -> None:
    profile = home / ".bashrc"
    profile.write_text(f"export ANTHROPIC_API_KEY={OLD}\n")
    window.open_page("Caps")
    window.open_page("Keys")
    words = "ANTHROPIC_API_KEY is also set in your shell, so an agent can go around Bursar."
    qtbot.waitUntil(lambda: section.found.words == words)
    QTest.mouseClick(section.found.button, Qt.MouseButton.LeftButton)
    asked = section.dialog
    assert isinstance(asked, MoveKeyDialog)
    qtbot.waitUntil(asked.removes_line.isVisible)
    asked.submit()
    qtbot.waitUntil(lambda: isinstance(section.dialog, NoteDialog))
    assert vault.get("anthropic") == OLD
    assert profile.read_text() == ""
    qtbot.waitUntil(lambda: section.found.words == "")
    qtbot.waitUntil(lambda: section.rows.rowCount() == 1 and section.rows.value(0).trial is Trial.WORKS)


def test_where_keys_are_held_in_memory_only_none_is_offered_to_be_moved(
    qtbot: QtBot, window: Window, section: ProviderKeysSection, vault: PlayedVault, home: Path
) -> None:
    vault.is_lasting = False
    (home / ".bashrc").write_text(f"export ANTHROPIC_API_KEY={OLD}\n")
    told: list[list[FoundKey]] = []
    window.keys._commands.keys.find(told.append, section._error.tell)
    qtbot.waitUntil(lambda: told == [[]])


def test_a_row_says_how_a_key_stands_and_whose_calls_use_it(ledger: Ledger) -> None:
    key = ProviderKey(KeyName("google"), NOW, is_default=False)
    clock = Clock(NOW, ZONE)
    assert (key_state(key, clock), key_use(key)) == ("Not tested", "Not used")
    used = replace(key, is_default=True, projects=("a", "b"), trial=Trial.REFUSED, tested_at=NOW)
    assert (key_state(used, clock), key_use(used)) == ("Refused by Google Gemini", "Default, a, b")
    assert key_use(replace(used, projects=("a", "b", "c"))) == "Default, 3 projects"
    works = replace(used, trial=Trial.WORKS, tested_at=NOW.replace(hour=12))
    assert key_state(works, clock) == "Works, tested 2 h ago"
    assert key_state(replace(works, tested_at=NOW.replace(day=19)), clock) == "Works, tested yesterday at 14:00"
    assert key_state(replace(works, tested_at=NOW.replace(day=2)), clock) == "Works, tested on Nov 2"


def test_last_use_and_projects_come_from_the_ledger(
    qtbot: QtBot, section: ProviderKeysSection, ledger: Ledger, vault: PlayedVault
) -> None:
    keep(ledger, vault, KeyName("openai"))
    set_project_key(ledger, "web-shop", KeyName("openai"))
    qtbot.waitUntil(lambda: section.rows.rowCount() == 1 and column(section, 0)[3] == "Default, web-shop")
