"""A real ledger file, a meter that is said to run, and calls written as the meter writes them."""

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.clock import Doubt
from app.core.loops import Finding, LoopKind, LoopLevel
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.reservations import Draft
from app.core.tags import Tags
from app.core.usage import Usage
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.ledger_feed import LedgerFeed
from app.desktop.models.columns import Clock
from app.desktop.tasks import Tasks
from app.desktop.theme import ThemeSwitch
from app.desktop.window import Window
from app.keys.vault import FixedVault
from app.ledger import approval_store
from app.ledger.admission import admit
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk, GroupWriter
from app.ledger.identifiers import new_id
from app.ledger.loop_store import note_loop
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.settlement import settle
from app.services.settings import Settings, Theme

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ZONE = ZoneInfo("UTC")
TAGS = Tags(project="billing-api", agent="Claude Code", task="migrate invoices", session="s-1")
PATIENCE_MS = 60_000
OFFSCREEN_CANNOT = r"This plugin does not support .*|.*systemTrayWindowChanged.*"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What only the screenless platform complains about is no fault of ours."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN_CANNOT, extend=True))


class PatientBot(QtBot):
    """Waits a minute for what it waits for: five seconds, its own measure, are little on a busy machine."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **options: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)


@pytest.fixture(autouse=True)
def _garbage_is_collected_where_qt_is(qapp: QApplication) -> Iterator[None]:
    """As in the tray: a thread that reads the ledger would take widgets apart, and the process would be gone."""
    gc.disable()
    yield
    gc.collect(1)
    gc.enable()


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


class Scribe:
    """Writes calls and questions into a ledger as the meter does."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.lock = InstanceLock(ledger)
        register_meter(ledger, self.lock.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")

    def write_call(
        self, cost: int | None = 10_000_000, *, tags: Tags = TAGS, at: datetime | None = None,
        origin: Origin = MAIN_ORIGIN, outcome: Outcome = Outcome.COMPLETED,
    ) -> Call:  # fmt: skip
        """One finished call of `cost` nano-dollars."""
        at = at or datetime.now(UTC)
        basis = Basis.UNPRICED if cost is None else Basis.TABLE
        call = Call(
            new_id(), at, "anthropic", ApiShape.ANTHROPIC_MESSAGES, "chat", "claude-sonnet-4-5", tags,
            outcome, Usage(input_tokens=1_200, output_tokens=30), cost, basis, duration_ms=900, origin=origin,
        )  # fmt: skip
        draft = self.draft(cost, tags, call.call_id, at)

        def operation(desk: Desk) -> None:
            everything = frozenset((cap.cap_id, cap.span(at, draft.payer).key) for cap in desk.caps)
            admit(desk.connection, desk.caps, draft, instance_id=self.lock.instance_id, excused=everything)
            settle(desk.connection, desk.caps, call, at)

        self._write(operation)
        return call

    def note_loop(self, count: int, level: LoopLevel = LoopLevel.PAUSE, *, tags: Tags = TAGS) -> None:
        """An agent makes the same failing call again and again."""
        finding = Finding(LoopKind.FAILING, level, count, "m", ("Bash",), 1_900_000_000)
        self._write(lambda desk: note_loop(desk.connection, finding, tags, "", new_id(), datetime.now(UTC)))

    def ask(self, worst: int, *, tags: Tags = TAGS, carries_results: bool = False, doubt: Doubt | None = None) -> None:
        """A call that meets its cap, goes on with a loop, or comes while the clock is in doubt, and waits."""
        draft = self.draft(worst, tags, new_id(), datetime.now(UTC))
        draft = replace(draft, carries_results=carries_results)

        def operation(desk: Desk) -> None:
            verdict = admit(desk.connection, desk.caps, draft, instance_id=self.lock.instance_id, doubt=doubt)
            expires_at = draft.at + timedelta(minutes=10)
            approval_store.ask(desk.connection, draft, verdict.obstacles[0], self.lock.instance_id, expires_at)

        self._write(operation)

    def draft(self, worst: int | None, tags: Tags, call_id: str, at: datetime) -> Draft:
        """A call about to be sent."""
        shape = ApiShape.ANTHROPIC_MESSAGES
        return Draft(call_id, at, "anthropic", shape, "chat", "claude-sonnet-4-5", False, tags, worst)

    def _write(self, operation: Callable[[Desk], None]) -> None:
        writer = GroupWriter(self.ledger)
        (done,) = writer.write([operation])
        writer.close()
        if done.error is not None:
            raise done.error


@pytest.fixture
def scribe(ledger: Ledger) -> Iterator[Scribe]:
    made = Scribe(ledger)
    yield made
    made.lock.release()


@pytest.fixture
def tasks(qapp: QApplication) -> Iterator[Tasks]:
    made = Tasks()
    yield made
    made.stop()


@pytest.fixture
def vault() -> FixedVault:
    return FixedVault({})


@pytest.fixture
def commands(ledger: Ledger, vault: FixedVault, tasks: Tasks, tmp_path: Path) -> Commands:
    return Commands(ledger, vault, tasks, tmp_path / "settings.json", "UTC")


@pytest.fixture
def theme(qapp: QApplication) -> ThemeSwitch:
    return ThemeSwitch(qapp, Theme.LIGHT)


@pytest.fixture
def feed(ledger: Ledger, qapp: QApplication) -> Iterator[LedgerFeed]:
    made = LedgerFeed(ledger, ZONE)
    yield made
    made.stop()


@pytest.fixture
def window(commands: Commands, tasks: Tasks, feed: LedgerFeed, theme: ThemeSwitch, tmp_path: Path) -> Iterator[Window]:
    """The window, fed from the real ledger file."""
    state = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = Window(commands, replace(Settings(), gateway_port=1), ZONE, Clock(datetime.now(UTC), ZONE), state)
    feed.read.connect(made.show_snapshot)
    feed.start()
    made.show()
    yield made
    feed.stop()
    tasks.stop()
    destroy(made)
