from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.core.errors import InvalidInput
from app.desktop.models.settings_words import clock_text, port_of, upstream_words
from app.desktop.pages.settings import SettingsPage
from app.desktop.widgets.text import Text
from app.desktop.window import Window
from app.services.autostart import start_at_login, starts_at_login
from app.services.settings import Theme, TrayInk, load_settings


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the desktop looks for what starts at login."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "autostart" / "bursar.desktop"


@pytest.fixture
def page(entry: Path, window: Window) -> SettingsPage:
    window.open_page("Settings")
    return window.settings


def test_start_at_login_is_written_and_removed(qtbot: QtBot, page: SettingsPage, entry: Path) -> None:
    page.at_login.setFocus()
    QTest.keyClick(page.at_login, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: entry.exists() and page.at_login.isChecked())
    assert starts_at_login(entry)
    assert "bursar" in entry.read_text()
    QTest.keyClick(page.at_login, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not entry.exists())


def test_what_was_switched_on_elsewhere_shows_when_the_page_is_opened(
    qtbot: QtBot, page: SettingsPage, window: Window, entry: Path
) -> None:
    assert not page.at_login.isChecked()
    window.open_page("Caps")
    start_at_login(entry, ["/opt/bursar"])
    window.open_page("Settings")
    qtbot.waitUntil(page.at_login.isChecked)


def test_an_entry_that_cannot_be_written_is_told_and_the_tick_goes_back(
    qtbot: QtBot, page: SettingsPage, entry: Path
) -> None:
    entry.parent.parent.mkdir()
    entry.parent.write_text("a file in the place of the folder")
    QTest.keyClick(page.at_login, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "Start at login cannot be changed" in page.error.text)
    qtbot.waitUntil(lambda: not page.at_login.isChecked())


def test_the_inks_and_the_theme_take_effect_at_once(qtbot: QtBot, page: SettingsPage, tmp_path: Path) -> None:
    with qtbot.waitSignal(page.changed) as told:
        page.ink.setFocus()
        QTest.keyClick(page.ink, Qt.Key.Key_Down)
    assert told.args is not None
    assert told.args[0].tray_ink is TrayInk.LIGHT
    with qtbot.waitSignal(page.changed) as told:
        QTest.keyClick(page.theme, Qt.Key.Key_End)
    assert told.args is not None
    assert told.args[0].theme is Theme.DARK
    kept = load_settings(tmp_path / "settings.json")
    assert (kept.theme, kept.tray_ink) == (Theme.DARK, TrayInk.LIGHT)


def test_which_notifications_are_wanted_is_kept_and_the_switch_is_over_all(
    qtbot: QtBot, page: SettingsPage, tmp_path: Path
) -> None:
    with qtbot.waitSignal(page.changed):
        QTest.keyClick(page.on_caps, Qt.Key.Key_Space)
    assert load_settings(tmp_path / "settings.json").notify_caps is False
    with qtbot.waitSignal(page.changed):
        QTest.keyClick(page.notifications, Qt.Key.Key_Space)
    assert not any(control.isEnabled() for control in (page.on_caps, page.on_waiting, page.on_loops, page.quiet_from))
    with qtbot.waitSignal(page.changed):
        QTest.keyClick(page.notifications, Qt.Key.Key_Space)
    assert [tick.isChecked() for tick in (page.on_caps, page.on_waiting, page.on_meter)] == [False, True, True]


def test_the_week_is_told_on_a_day_of_ones_own(qtbot: QtBot, page: SettingsPage, tmp_path: Path) -> None:
    with qtbot.waitSignal(page.changed):
        QTest.keyClick(page.week_day, Qt.Key.Key_Down)
    assert load_settings(tmp_path / "settings.json").week_told_on == 1
    with qtbot.waitSignal(page.changed):
        QTest.keyClick(page.on_week, Qt.Key.Key_Space)
    assert not page.week_day.isEnabled()


def test_quiet_hours_are_typed_as_people_type_them(qtbot: QtBot, page: SettingsPage, tmp_path: Path) -> None:
    for field, typed in ((page.quiet_from, "22"), (page.quiet_to, "7:30")):
        with qtbot.waitSignal(page.changed):
            QTest.keyClicks(field, typed)
            QTest.keyClick(field, Qt.Key.Key_Return)
    kept = load_settings(tmp_path / "settings.json")
    assert (kept.quiet_from, kept.quiet_to) == ("22:00", "07:30")
    page.quiet_to.setText("late")
    QTest.keyClick(page.quiet_to, Qt.Key.Key_Return)
    assert "Not a time of day" in page.error.text
    assert load_settings(tmp_path / "settings.json") == kept


class Desk(QObject):
    """Opens nothing, and keeps what it was asked to open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(url.toLocalFile())


def test_files_are_opened_where_they_are(page: SettingsPage, tmp_path: Path) -> None:
    desk = Desk()
    QDesktopServices.setUrlHandler("file", desk, "open")  # type: ignore[arg-type]  # the stubs want bytes, Qt text
    try:
        buttons = [one for one in page.findChildren(QPushButton) if one.text() == "Open"]
        for one in buttons[:2]:
            QTest.mouseClick(one, Qt.MouseButton.LeftButton)
    finally:
        QDesktopServices.unsetUrlHandler("file")
    assert [one.accessibleName() for one in buttons] == [
        "Open the ledger’s folder", "Open the settings file", "Open the folder of the logs",
    ]  # fmt: skip
    assert desk.opened == [str(tmp_path), str(tmp_path)]


@pytest.mark.parametrize(
    ("typed", "kept"), [("", ""), ("22", "22:00"), ("7:30", "07:30"), ("0930", "09:30"), ("23.59", "23:59")]
)
def test_times_of_day_are_read(typed: str, kept: str) -> None:
    assert clock_text(typed) == kept


@pytest.mark.parametrize("typed", ["24:00", "12:60", "noon", "-1"])
def test_what_is_no_time_of_day_is_told(typed: str) -> None:
    with pytest.raises(InvalidInput, match="Not a time of day"):
        clock_text(typed)


def test_ports_and_hosts_in_words() -> None:
    assert port_of(" 8080 ") == 8080
    assert upstream_words({}) == "Each provider’s own"
    assert upstream_words({"openai": "https://llm.corp.test"}) == "OpenAI at https://llm.corp.test"


def test_a_newer_bursar_is_asked_for_only_on_a_persons_word(
    qtbot: QtBot, page: SettingsPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not page.updates.isChecked()
    monkeypatch.setattr("app.desktop.machine_commands.find_newer", lambda _settings: None)
    page.look_button.click()
    qtbot.waitUntil(lambda: any("is the newest" in text.text() for text in page.findChildren(Text)))
    page.updates.click()
    qtbot.waitUntil(lambda: page._settings.update_check)
