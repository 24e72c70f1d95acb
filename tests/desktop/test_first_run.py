import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.core.call import Outcome
from app.core.money import NANO_PER_USD
from app.core.provider_keys import KeyName, Trial
from app.core.tags import Scope
from app.core.windows import Window as CapWindow
from app.desktop.application import Desktop
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.first_run.window import FirstRun
from app.desktop.models.setup_steps import PickedAgent, first_call_words, login_words, own_login_line, start_line
from app.desktop.reading import read_snapshot
from app.keys.vault import FixedVault
from app.ledger import cap_store, key_store
from app.ledger.engine import Ledger
from app.ledger.provider_key_store import list_provider_keys, note_provider_key
from app.services.agents.recipes import CLAUDE_CODE, CODEX, CURSOR
from app.services.settings import change_settings, load_settings
from tests.desktop.conftest import ZONE, Scribe
from tests.end2end.meter_process import meter
from tests.end2end.provider import Provider, chat_completion

KEY = "sk-first-0123456789"
SEEN_WITHIN = timedelta(seconds=10)
"""A quarter of a second on a machine at rest, and far less than the minute after which the tray reads by itself."""
SCRIPT = """
import openai
client = openai.OpenAI()
client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Hello"}])
"""
CLAUDE, CODEX_CLI = PickedAgent("Claude Code", "claude", CLAUDE_CODE), PickedAgent("Codex CLI", "codex", CODEX)


def put_program(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\necho 2.4.1\n")
    (folder / name).chmod(0o755)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, and Bursar's own folder."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    tmp_path.chmod(0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/bin:/bin:/usr/bin")
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL", "_AUTH_TOKEN", "_PROXY"))]:
        monkeypatch.delenv(name)
    return home


@pytest.fixture
def desktops() -> Iterator[list[Desktop]]:
    """Those that are stopped in the end, also when a test fails: one that is left to the collector, with its threads at
    work, takes the whole process of the tests along."""
    made: list[Desktop] = []
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def setup(qtbot: QtBot, commands: Commands, ledger: Ledger, theme: object) -> Iterator[FirstRun]:
    made = FirstRun(commands, "bursar", datetime.now(UTC))
    made.show()
    yield made
    commands._tasks.stop()
    destroy(made)


def read(setup: FirstRun, ledger: Ledger) -> None:
    setup.show_snapshot(read_snapshot(ledger, datetime.now(UTC), ZONE))


def go_on(qtbot: QtBot, setup: FirstRun, by: str) -> None:
    """Click what goes on, or Enter, which does the same in the window that is active."""
    if by == "mouse":
        QTest.mouseClick(setup.next_button, Qt.MouseButton.LeftButton)
        return
    setup.activateWindow()
    setup.next_button.setFocus()
    qtbot.waitUntil(setup.next_button.isDefault)
    QTest.keyClick(setup, Qt.Key.Key_Return)


def on_to(qtbot: QtBot, setup: FirstRun, place: int, by: str = "mouse") -> None:
    go_on(qtbot, setup, by)
    qtbot.waitUntil(lambda: setup.place == place)


@pytest.mark.end2end
@pytest.mark.parametrize("by", ["keyboard", "mouse"])
def test_from_nothing_to_the_first_call(
    qtbot: QtBot, qapp: QApplication, desktops: list[Desktop], tmp_path: Path, by: str
) -> None:
    provider = Provider(lambda _seen: chat_completion(2_000, 1_000))
    (tmp_path / "agent.py").write_text(SCRIPT)
    with provider.running(), meter(tmp_path, {"openai": provider.url}) as running:
        for key in key_store.list_keys(running.ledger):
            key_store.revoke_key(running.ledger, key.key_id)
        settings = change_settings(tmp_path / "settings.json", upstreams={"openai": provider.url})
        vault = FixedVault({})
        desktop = Desktop(qapp, running.ledger, settings, vault, keeps_meter=False, offers_setup=True)
        desktops.append(desktop)
        desktop.start()
        setup = shown(qtbot, desktop)
        _type_an_agent(qtbot, setup, f"{sys.executable} {tmp_path / 'agent.py'}", by)
        _give_a_key(qtbot, setup, by)
        assert vault.get("openai") == KEY
        qtbot.waitUntil(lambda: [key.trial for key in list_provider_keys(running.ledger)] == [Trial.WORKS])
        _set_a_cap(qtbot, setup, by)
        (cap,) = cap_store.list_caps(running.ledger)
        assert (cap.scope, cap.window, cap.limit_nano_usd) == (Scope.EVERYTHING, CapWindow.MONTH, 25 * NANO_PER_USD)
        _see_a_call(qtbot, setup, tmp_path, by)
        go_on(qtbot, setup, by)
        qtbot.waitUntil(lambda: desktop.window.isVisible() and desktop.first_run is None)
        assert desktop.window.page_name == "Overview"
        qtbot.waitUntil(lambda: load_settings(tmp_path / "settings.json").is_set_up)
        desktop.stop()


def shown(qtbot: QtBot, desktop: Desktop) -> FirstRun:
    """The first run of this desktop, once it is there."""
    qtbot.waitUntil(lambda: desktop.first_run is not None and desktop.first_run.isVisible())
    assert desktop.first_run is not None
    desktop.first_run.activateWindow()
    qtbot.waitUntil(desktop.first_run.isActiveWindow)
    return desktop.first_run


def press(part: QPushButton, by: str) -> None:
    """A click, or Space where the keyboard stands."""
    if by == "mouse":
        QTest.mouseClick(part, Qt.MouseButton.LeftButton)
    else:
        part.setFocus()
        QTest.keyClick(part, Qt.Key.Key_Space)


def _type_an_agent(qtbot: QtBot, setup: FirstRun, command: str, by: str) -> None:
    qtbot.waitUntil(lambda: "No agent was found" in setup.agents._note.text())
    press(setup.agents.add_link, by)
    QTest.keyClicks(setup.agents.command, command)
    QTest.keyClick(setup.agents.command, Qt.Key.Key_Return)
    assert setup.place == 0
    assert [row.is_picked for row in setup.agents.rows()] == [True]
    on_to(qtbot, setup, 1, by)


def _give_a_key(qtbot: QtBot, setup: FirstRun, by: str) -> None:
    go_on(qtbot, setup, by)
    assert "No key yet" in setup.keys.error.text
    setup.keys.provider.setCurrentIndex(setup.keys.provider.findData("openai"))
    QTest.keyClicks(setup.keys.key, KEY)
    on_to(qtbot, setup, 2, by)
    assert setup.keys.key.text() == ""


def _set_a_cap(qtbot: QtBot, setup: FirstRun, by: str) -> None:
    setup.cap.amount.selectAll()
    QTest.keyClicks(setup.cap.amount, "25")
    on_to(qtbot, setup, 3, by)


def _see_a_call(qtbot: QtBot, setup: FirstRun, folder: Path, by: str) -> None:
    """Runs what the step says; its call shows soon after its end."""
    assert setup.check.status.text() == "Waiting for the first call…"
    press(setup.check.command.copy_button, by)
    command = shlex.split(QGuiApplication.clipboard().text())
    assert command[-4:-1] == ["run", "--", sys.executable]
    with ThreadPoolExecutor(1) as pool:
        ran = pool.submit(subprocess.run, command, cwd=folder, capture_output=True, check=False, timeout=60)
        qtbot.waitUntil(lambda: setup.check.call is not None)
        seen_at, call = datetime.now(UTC), setup.check.call
        assert call is not None
        assert setup.check.status.text() == "First call seen: gpt-5-mini, $0.0025."
        assert seen_at - call.started_at - timedelta(milliseconds=call.duration_ms or 0) < SEEN_WITHIN
        qtbot.waitUntil(ran.done)
    assert ran.result().returncode == 0, ran.result().stderr


def new_desktop(qapp: QApplication, ledger: Ledger, home: Path, desktops: list[Desktop]) -> Desktop:
    settings = load_settings(home / "settings.json")
    made = Desktop(qapp, ledger, settings, FixedVault({}), keeps_meter=False, offers_setup=True)
    desktops.append(made)
    made.start()
    return made


def test_it_is_shown_once_and_again_from_the_settings(
    qtbot: QtBot, qapp: QApplication, ledger: Ledger, desktops: list[Desktop], tmp_path: Path
) -> None:
    first = new_desktop(qapp, ledger, tmp_path, desktops)
    QTest.mouseClick(shown(qtbot, first).skip_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: load_settings(tmp_path / "settings.json").is_set_up and first.first_run is None)
    first.stop()

    second = new_desktop(qapp, ledger, tmp_path, desktops)
    qtbot.waitUntil(lambda: second.window._snapshot is not None)
    assert second.first_run is None
    second.open_page("Settings")
    QTest.mouseClick(second.window.settings.setup_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: second.first_run is not None and second.first_run.isVisible())
    second.stop()


def test_without_a_tray_the_window_comes_after_it_and_not_over_it(
    qtbot: QtBot, qapp: QApplication, ledger: Ledger, desktops: list[Desktop], tmp_path: Path
) -> None:
    made = new_desktop(qapp, ledger, tmp_path, desktops)
    setup = shown(qtbot, made)
    made._look_for_tray()
    assert not made.window.isVisible()
    QTest.mouseClick(setup.skip_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(made.window.isVisible)
    assert made.window.no_tray.isVisible()
    qapp.setQuitOnLastWindowClosed(False)


def test_a_ledger_in_use_is_not_introduced(
    qtbot: QtBot, qapp: QApplication, ledger: Ledger, scribe: Scribe, desktops: list[Desktop], tmp_path: Path
) -> None:
    scribe.write_call()
    made = new_desktop(qapp, ledger, tmp_path, desktops)
    qtbot.waitUntil(lambda: made.window._snapshot is not None)
    assert made.first_run is None
    made.stop()


def test_agents_found_here_are_picked_and_those_that_cannot_be_metered_say_why(
    qtbot: QtBot, setup: FirstRun, machine: Path
) -> None:
    for name in ("claude", "codex", "cursor"):
        put_program(machine / "bin", name)
    QTest.mouseClick(setup.agents.again_link, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(setup.agents.rows()) == 3)
    claude, codex, cursor = setup.agents.rows()
    assert [row.is_picked for row in (claude, codex, cursor)] == [True, True, False]
    assert not cursor.tick.isVisible()
    codex.tick.setFocus()
    QTest.keyClick(codex.tick, Qt.Key.Key_Space)
    assert [agent.title for agent in setup.agents.picked()] == ["Claude Code"]
    put_program(machine / "bin", "gemini")
    setup.agents.look()
    qtbot.waitUntil(lambda: len(setup.agents.rows()) == 4)
    assert [agent.title for agent in setup.agents.picked()] == ["Claude Code", "Gemini CLI"]


def test_an_agent_is_connected_for_good_and_taken_back(
    qtbot: QtBot, setup: FirstRun, machine: Path, ledger: Ledger
) -> None:
    put_program(machine / "bin", "claude")
    setup.agents.look()
    qtbot.waitUntil(lambda: len(setup.agents.rows()) == 1)
    QTest.mouseClick(setup.agents.rows()[0].link, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: setup.agents.dialog is not None and setup.agents.dialog.isVisible())
    assert setup.agents.dialog is not None
    QTest.mouseClick(setup.agents.dialog.connect_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: setup.agents.picked()[0].is_connected)
    file = machine / ".claude" / "settings.json"
    assert "127.0.0.1:8787" in file.read_text()
    assert start_line(setup.agents.picked()[0], "bursar") == "claude"
    QTest.mouseClick(setup.agents.rows()[0].link, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not setup.agents.picked()[0].is_connected)
    assert not file.exists()
    assert key_store.list_keys(ledger) == []


def test_a_login_is_kept_with_a_key_that_comes_along(
    qtbot: QtBot, setup: FirstRun, machine: Path, ledger: Ledger, scribe: Scribe
) -> None:
    put_program(machine / "bin", "claude")
    put_program(machine / "bin", "codex")
    setup.agents.look()
    qtbot.waitUntil(lambda: len(setup.agents.rows()) == 2)
    read(setup, ledger)
    on_to(qtbot, setup, 1)
    setup.keys.login_choice.setFocus()
    QTest.keyClick(setup.keys.login_choice, Qt.Key.Key_Space)
    on_to(qtbot, setup, 2)
    setup.cap.none_choice.setChecked(True)
    on_to(qtbot, setup, 3)
    qtbot.waitUntil(lambda: bool(setup.check.command.field.text()))
    (key,) = key_store.list_keys(ledger)
    line = setup.check.command.field.text()
    assert line.startswith(
        "ANTHROPIC_BASE_URL=http://127.0.0.1:1/anthropic ANTHROPIC_CUSTOM_HEADERS='x-bursar-key: bsr_"
    )
    assert line.endswith(" claude")
    assert setup.check._others.text() == "Or: bursar run -- codex"
    assert (key.tags.agent, cap_store.list_caps(ledger)) == ("claude-code", [])
    setup.back()
    on_to(qtbot, setup, 3)
    assert len(key_store.list_keys(ledger)) == 1


def test_without_an_agent_that_can_a_login_is_not_offered(setup: FirstRun) -> None:
    setup.keys.show_agents([CODEX_CLI])
    assert not setup.keys.login_choice.isEnabled()
    assert setup.keys.provider.currentData() == "openai"


def test_a_wrong_cap_is_told_and_one_that_is_there_stays(
    qtbot: QtBot, setup: FirstRun, ledger: Ledger, scribe: Scribe
) -> None:
    note_provider_key(ledger, KeyName("anthropic"), datetime.now(UTC))
    read(setup, ledger)
    on_to(qtbot, setup, 1)
    on_to(qtbot, setup, 2)
    setup.cap.amount.setText("nothing")
    setup.go_on()
    assert "A limit is an amount above $0" in setup.cap.error.text
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.MONTH, limit_nano_usd=NANO_PER_USD,
        time_zone="UTC",
    )  # fmt: skip
    read(setup, ledger)
    on_to(qtbot, setup, 3)
    assert [cap.limit_nano_usd for cap in cap_store.list_caps(ledger)] == [NANO_PER_USD]


def test_who_waits_in_vain_is_told_what_to_check(qtbot: QtBot, setup: FirstRun, ledger: Ledger, scribe: Scribe) -> None:
    setup._open(3)
    setup.check._patience.setInterval(1)
    setup.check.enter()
    read(setup, ledger)
    qtbot.waitUntil(lambda: setup.check.status.text() == "Nothing came yet.")
    with qtbot.waitSignal(setup.ended) as ended:
        QTest.mouseClick(setup.check.help_button, Qt.MouseButton.LeftButton)
    assert ended.args == ["Doctor"]


def test_a_call_from_before_does_not_count_and_one_without_a_price_does(
    qtbot: QtBot, setup: FirstRun, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(at=datetime.now(UTC) - timedelta(hours=1))
    read(setup, ledger)
    assert setup.check.status.text() == "Waiting for the first call…"
    scribe.write_call(None)
    read(setup, ledger)
    assert setup.check.status.text() == "First call seen: claude-sonnet-4-5, no price known."


def test_esc_and_the_corner_end_it_once(qtbot: QtBot, setup: FirstRun) -> None:
    ended: list[str] = []
    setup.ended.connect(ended.append)
    QTest.keyClick(setup, Qt.Key.Key_Escape)
    setup.close()
    assert ended == [""]


def test_it_holds_up_nobody_who_quits_the_program(setup: FirstRun) -> None:
    """Qt asks every window before it quits; one that says no keeps the program, and so whoever logs out, waiting."""
    setup.show()
    assert setup.close()
    assert not setup.isVisible()


def test_words() -> None:
    assert login_words([CLAUDE, CODEX_CLI]) == (
        "Claude Code can: metered, and Bursar holds no key. Codex CLI needs a key here."
    )
    assert login_words([CODEX_CLI]).startswith("None of the agents you picked can.")
    assert start_line(CODEX_CLI, "bursar") == "bursar run -- codex"
    assert own_login_line(replace(CLAUDE, recipe=CURSOR), "http://x", "t") == "claude"


def test_a_call_that_failed_is_told_as_that(scribe: Scribe) -> None:
    call = replace(scribe.write_call(), outcome=Outcome.FAILED, status_code=401)
    assert first_call_words(call) == "A call came and did not go well: claude-sonnet-4-5, failed 401."
