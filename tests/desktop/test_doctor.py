import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.models.finding_view import finding_view, told_and_passed, verdict
from app.desktop.pages.doctor import DoctorPage
from app.desktop.pages.finding_row import FindingRow
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.window import Window
from app.ledger import key_store
from app.ledger.engine import Ledger
from app.ledger.meter_state import InstanceLock, register_meter
from app.services.doctor.finding import Finding, Level, Remedy
from app.services.settings import change_settings
from tests.desktop.conftest import ZONE

KEY = "sk-ant-api03-abcdefghijklmnop"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with Claude Code on the PATH and nothing wrong."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "claude").write_text("#!/bin/sh\necho 2.4.1\n")
    (home / "bin" / "claude").chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/bin:/bin:/usr/bin")
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL", "_AUTH_TOKEN", "_PROXY"))]:
        monkeypatch.delenv(name)
    tmp_path.chmod(0o700)
    change_settings(tmp_path / "settings.json", gateway_port=8787, forward_port=0)
    return home


@pytest.fixture
def page(qtbot: QtBot, machine: Path, window: Window) -> DoctorPage:
    qtbot.waitUntil(lambda: window._snapshot is not None)
    window.open_page("Doctor")
    checked(qtbot, window.doctor)
    return window.doctor


def checked(qtbot: QtBot, page: DoctorPage) -> None:
    qtbot.waitUntil(lambda: not page._is_looking and bool(page._findings))


def row(page: DoctorPage, words: str) -> FindingRow:
    return next(row for row in page.rows() if words in row.view.finding.title)


def press(row: FindingRow) -> None:
    assert row.mend_button is not None
    QTest.mouseClick(row.mend_button, Qt.MouseButton.LeftButton)


def test_problems_stand_first_and_what_passed_is_folded(qtbot: QtBot, page: DoctorPage, window: Window) -> None:
    levels = [row.view.finding.level for row in page.rows()]
    assert levels == sorted(levels, key=list(Level).index)
    assert Level.FINE not in levels
    passed = len(page.passed_rows())
    assert passed >= 1
    assert not page.passed_rows()[0].isVisible()
    assert page.passed_button.text() == f"{passed} check{'s' if passed > 1 else ''} passed"
    QTest.mouseClick(page.passed_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.passed_rows()[0].isVisible())
    QTest.mouseClick(page.passed_button, Qt.MouseButton.LeftButton)
    assert not page.passed_rows()[0].isVisible()


def test_a_file_that_others_may_open_is_closed_from_here(qtbot: QtBot, page: DoctorPage, ledger: Ledger) -> None:
    ledger.path.chmod(0o644)
    QTest.keyClick(page.check_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: any("Others may open ledger.sqlite" in row.view.finding.title for row in page.rows()))
    assert re.match(r"\d+ problems?, ", page.verdict.text())
    press(row(page, "Others may open ledger.sqlite"))
    qtbot.waitUntil(lambda: not any("Others may open" in row.view.finding.title for row in page.rows()))
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_a_key_in_the_clear_leads_to_the_keys_and_is_never_in_the_report(
    qtbot: QtBot, page: DoctorPage, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    page.check()
    checked(qtbot, page)
    QTest.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "wrong Environment: ANTHROPIC_API_KEY holds a provider's key" in copied
    assert KEY not in copied
    press(row(page, "ANTHROPIC_API_KEY"))
    assert window.page_name == "Keys"


def test_an_agent_is_connected_for_good_after_its_change_was_shown(
    qtbot: QtBot, page: DoctorPage, machine: Path, ledger: Ledger
) -> None:
    file = machine / ".claude" / "settings.json"
    press(row(page, "Claude Code 2.4.1 is installed"))
    qtbot.waitUntil(lambda: page.dialog is not None and page.dialog.isVisible())
    dialog = page.dialog
    assert dialog is not None
    shown = dialog.diff.toPlainText()
    assert "+" in shown
    assert "http://127.0.0.1:8787/anthropic" in shown
    assert not file.exists()
    QTest.mouseClick(dialog.connect_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: file.exists() and not dialog.isVisible())
    assert "http://127.0.0.1:8787/anthropic" in file.read_text()
    assert [key.name for key in key_store.list_keys(ledger)] == ["connect claude-code"]
    qtbot.waitUntil(lambda: row(page, "Claude Code 2.4.1 is installed").mend_button is None)
    assert "It is connected for good." in row(page, "Claude Code 2.4.1 is installed").view.finding.meaning


def test_it_looks_again_when_the_meter_comes(qtbot: QtBot, page: DoctorPage, window: Window, ledger: Ledger) -> None:
    assert row(page, "The meter is not running").mend_button is not None
    with qtbot.waitSignal(window.retried):
        press(row(page, "The meter is not running"))
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
    qtbot.waitUntil(lambda: any("The meter runs at" in row.view.finding.title for row in page.passed_rows()))
    lock.release()


def test_settings_that_cannot_be_read_are_told(qtbot: QtBot, page: DoctorPage, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    page.check()
    qtbot.waitUntil(lambda: [row.view.finding.title for row in page.rows()] == ["The settings cannot be read"])


def test_a_fix_in_words_stays_where_no_button_stands_for_it() -> None:
    told = finding_view(Finding(Level.WRONG, "aider", "It leads elsewhere", "Line 4.", "Take the line out."))
    assert (told.verb, told.fix) == ("", "Take the line out.")
    assert told.spoken == "Wrong, aider: It leads elsewhere. Line 4. Take the line out"
    mended = finding_view(Finding(Level.NOTE, "Meter", "It is off", "", "Start it with: bursar", Remedy.START_METER))
    assert (mended.verb, mended.fix) == ("Start the meter", "")


def test_the_verdict_counts() -> None:
    wrong, note, fine = (Finding(level, "x", "x") for level in Level)
    assert verdict([fine]) == "No problem"
    assert verdict([wrong, note, note]) == "1 problem, 2 things worth knowing"
    assert told_and_passed([fine, wrong, note]) == ([wrong, note], [fine])


def test_trouble_with_the_meter_leads_here(qtbot: QtBot, page: DoctorPage, window: Window) -> None:
    window.open_page("Overview")
    assert window._snapshot is not None
    window.show_snapshot(replace(window._snapshot, trouble="Another program uses port 8787."))
    QTest.mouseClick(window.trouble.buttons["Open Doctor"], Qt.MouseButton.LeftButton)
    assert window.page_name == "Doctor"


def test_the_popover_leads_here_too(qtbot: QtBot, commands: Commands, ledger: Ledger) -> None:
    popover = Popover(commands)
    reading = read_snapshot(ledger, datetime.now(UTC), ZONE)
    popover.show_snapshot(replace(reading, trouble="Another program uses port 8787."))
    popover.show()
    (found,) = (one for one in popover.findChildren(QPushButton) if one.text() == "Open Doctor")
    with qtbot.waitSignal(popover.opened) as opened:
        QTest.mouseClick(found, Qt.MouseButton.LeftButton)
    assert opened.args == ["Doctor"]
    destroy(popover)
