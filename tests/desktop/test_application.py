"""The whole tray on a ledger of its own, with the real meter process."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.errors import LedgerError
from app.core.money import NANO_PER_CENT
from app.core.tags import Scope
from app.core.webhooks import Webhook, WebhookFormat
from app.core.windows import Window
from app.desktop.application import Desktop, run_desktop
from app.desktop.meter_process import MeterPhase
from app.desktop.single_instance import SingleInstance
from app.keys.vault import FixedVault
from app.ledger.approval_store import Approval
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import request_stop, running_meter
from app.ledger.webhook_outbox import places_of
from app.services.exports.running import running_exports
from app.services.settings import Settings, change_settings
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import meter
from tests.end2end.provider import Provider, chat_completion
from tests.faults.cells import cell
from tests.services.exports.happenings import go_round, vault_for
from tests.services.exports.receiver import played_receiver

METER_WITHIN_MS = 30_000

pytestmark = pytest.mark.end2end


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    return tmp_path


@pytest.fixture
def own_ledger(home: Path) -> Iterator[Ledger]:
    opened = open_ledger(home / "ledger.sqlite")
    yield opened
    meter = running_meter(opened)
    if meter is not None:
        request_stop(opened, meter.instance_id)
        deadline = time.monotonic() + 20
        while not ended(meter.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    opened.close()


@pytest.fixture
def desktop(qapp: QApplication, own_ledger: Ledger) -> Iterator[Desktop]:
    made = make_desktop(qapp, own_ledger)
    yield made
    made.stop()


def test_what_is_exported_is_run_by_the_tray_and_told_as_long_as_it_lives(
    qtbot: QtBot, qapp: QApplication, own_ledger: Ledger, home: Path
) -> None:
    webhook = Webhook("team", WebhookFormat.JSON, "127.0.0.1")
    change_settings(home / "settings.json", webhooks=(webhook,))
    with played_receiver() as receiver:
        desktop = Desktop(qapp, own_ledger, Settings(), vault_for(receiver.url), keeps_meter=False)
        desktop.start()
        try:
            qtbot.waitUntil(lambda: (now := running_exports(own_ledger.path)) is not None and now.holder == "the tray")
            qtbot.waitUntil(lambda: bool(places_of(own_ledger, "team")), timeout=METER_WITHIN_MS)
            go_round(own_ledger)
            qtbot.waitUntil(lambda: receiver.titles == ["Codex repeats itself"], timeout=METER_WITHIN_MS)
        finally:
            desktop.stop()
    assert running_exports(own_ledger.path) is None


def make_desktop(qapp: QApplication, ledger: Ledger) -> Desktop:
    settings = replace(Settings(), gateway_port=0, forward_port=0)
    return Desktop(qapp, ledger, settings, FixedVault({}), keeps_meter=True)


def test_the_meter_is_started_restarted_after_a_kill_and_outlives_the_tray(
    qtbot: QtBot, desktop: Desktop, own_ledger: Ledger
) -> None:
    desktop.start()
    qtbot.waitUntil(lambda: desktop.keeper.phase is MeterPhase.RUNNING, timeout=METER_WITHIN_MS)
    first = running_meter(own_ledger)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)

    def is_back() -> bool:
        meter = running_meter(own_ledger)
        return meter is not None and meter.pid != first.pid

    qtbot.waitUntil(is_back, timeout=METER_WITHIN_MS)
    qtbot.waitUntil(lambda: desktop.window._snapshot is not None and desktop.window._snapshot.meter is not None)
    desktop.stop()
    meter = running_meter(own_ledger)
    assert meter is not None
    assert not ended(meter.pid), "the meter goes on"


@cell("F2", "tray ended", "while a call waits for a person", "the next tray asks, and the call goes")
def test_a_call_that_waits_is_answered_in_the_next_tray_when_the_first_has_ended(
    qtbot: QtBot, qapp: QApplication, home: Path, own_ledger: Ledger
) -> None:
    add_cap(
        own_ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=NANO_PER_CENT,
        time_zone="UTC",
    )  # fmt: skip

    def shown(desktop: Desktop) -> tuple[Approval, ...]:
        desktop.start()
        qtbot.waitUntil(lambda: desktop.window._snapshot is not None and bool(desktop.window._snapshot.waiting))
        assert desktop.window._snapshot is not None
        return desktop.window._snapshot.waiting

    provider = Provider(lambda _seen: chat_completion(10, 10))
    body = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 9_000, "messages": []}).encode()
    with provider.running(), meter(home, {"openai": provider.url}) as running, ThreadPoolExecutor(1) as pool:
        call = pool.submit(post, running, CHAT, body)
        (question,) = shown(first := make_desktop(qapp, own_ledger))
        first.stop()
        (again,) = shown(second := make_desktop(qapp, own_ledger))
        assert again == question
        second.commands.approve(again, lambda error: pytest.fail(error.message))
        qtbot.waitUntil(call.done)
        second.stop()
    assert call.result()[0] == 200
    assert len(provider.seen) == 1


def test_quit_and_stop_ends_the_meter_too(
    qtbot: QtBot, desktop: Desktop, own_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop.start()
    qtbot.waitUntil(lambda: desktop.keeper.phase is MeterPhase.RUNNING, timeout=METER_WITHIN_MS)
    meter = running_meter(own_ledger)
    assert meter is not None
    desktop.tray.stop_asked.emit()
    qtbot.waitUntil(lambda: ended(meter.pid), timeout=METER_WITHIN_MS)
    assert desktop.keeper.phase is MeterPhase.LEFT_ALONE


def test_a_port_in_use_is_told_with_its_reason(qtbot: QtBot, qapp: QApplication, own_ledger: Ledger) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = replace(Settings(), gateway_port=taken.getsockname()[1], forward_port=0)
        made = Desktop(qapp, own_ledger, settings, FixedVault({}), keeps_meter=True)
        made.start(opens_window=True)
        qtbot.waitUntil(lambda: made.keeper.phase is MeterPhase.FAILED, timeout=60_000)
        qtbot.waitUntil(lambda: made.window.trouble.isVisible())
        assert "Bursar tried to start it 5 times." in made.window.trouble.words
        assert str(taken.getsockname()[1]) in made.window.trouble.words
        made.stop()


def test_a_second_start_ends_at_once_and_shows_the_first(qtbot: QtBot, home: Path, qapp: QApplication) -> None:
    first = SingleInstance(home / "ledger.sqlite")
    assert first.claim()
    with qtbot.waitSignal(first.asked):
        assert run_desktop(home / "ledger.sqlite", Settings()) == 0
    first.release()


def test_a_file_that_is_no_ledger_is_told_before_anything_shows(home: Path, qapp: QApplication) -> None:
    (home / "ledger.sqlite").write_bytes(b"not a ledger, but long enough to look like a file" * 100)
    with pytest.raises(LedgerError) as told:
        run_desktop(home / "ledger.sqlite", Settings())
    assert told.value.title == "This file is not a ledger"
