"""The keeper against real processes: a small program stands in for the meter."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.desktop.meter_process import CRASHES, MeterKeeper, MeterPhase
from app.ledger.meter_state import Meter
from app.services.keeper import Keeper, KeeperPhase
from tests.faults.cells import cell

METER = Meter("one", 1, "http://127.0.0.1:1", "http://127.0.0.1:2", datetime(2026, 11, 20, tzinfo=UTC), True)
NOTES_ITS_START = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write('x')"
FAILS = """print('{"event": "failed", "title": "The port is taken", "message": "Another program uses port 8787."}')"""

Keep = Callable[[str], MeterKeeper]


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keep(tmp_path: Path, clock: Clock) -> Iterator[Keep]:
    made: list[MeterKeeper] = []

    def keeper_of(program: str) -> MeterKeeper:
        command = [sys.executable, "-c", program, str(tmp_path / "starts")]
        made.append(MeterKeeper(command, tmp_path / "meter.log", clock=clock))
        return made[-1]

    yield keeper_of
    for keeper in made:
        keeper.leave_alone()


def starts(tmp_path: Path) -> int:
    file = tmp_path / "starts"
    return len(file.read_text()) if file.exists() else 0


def test_it_starts_a_meter_when_none_runs_and_only_then(qtbot: QtBot, keep: Keep, tmp_path: Path) -> None:
    keeper = keep(NOTES_ITS_START)
    keeper.saw(METER)
    assert keeper.phase is MeterPhase.RUNNING
    assert starts(tmp_path) == 0
    other = keep(NOTES_ITS_START)
    other.saw(None)
    qtbot.waitUntil(lambda: starts(tmp_path) == 1)


def test_a_meter_that_dies_is_started_again_at_once_and_without_a_word(
    qtbot: QtBot, keep: Keep, tmp_path: Path
) -> None:
    keeper = keep(NOTES_ITS_START)
    told: list[str] = []
    keeper.changed.connect(told.append)
    keeper.saw(METER)
    keeper.saw(None)
    qtbot.waitUntil(lambda: starts(tmp_path) == 1)
    keeper.saw(METER)
    assert told == []


def test_after_two_seconds_without_a_meter_it_is_told_and_taken_back(keep: Keep, clock: Clock) -> None:
    keeper = keep("import time; time.sleep(30)")
    told: list[str] = []
    keeper.changed.connect(told.append)
    keeper.saw(METER)
    keeper.saw(None)
    clock.now += 2.5
    keeper.saw(None)
    assert told == ["Calls from connected agents fail until it is back. It ended by itself."]
    keeper.saw(METER)
    assert told[-1] == ""


def test_one_that_keeps_failing_is_given_up_with_its_own_reason(
    qtbot: QtBot, keep: Keep, tmp_path: Path, clock: Clock
) -> None:
    keeper = keep(NOTES_ITS_START + "\n" + FAILS)
    told: list[str] = []
    keeper.changed.connect(told.append)

    def given_up() -> bool:
        keeper.saw(None)
        return keeper.phase is MeterPhase.FAILED

    qtbot.waitUntil(given_up, timeout=30_000)
    assert starts(tmp_path) == CRASHES
    assert "Bursar tried to start it 5 times. The port is taken. Another program uses port 8787." in told[-1]
    keeper.start_again()
    qtbot.waitUntil(lambda: starts(tmp_path) == CRASHES + 1)


def kept_by(phase: KeeperPhase, reason: str = "", note: Path = Path("note")) -> Keeper:
    deaths = 5 if phase is KeeperPhase.BLOCKED else 1
    return Keeper(os.getpid(), "1", frozenset(), phase, 8787, 8788, 0, deaths, reason, note)


@cell("F1", "meter killed", "a tray shows it", "its keeper starts it again, the tray none; told after two seconds")
def test_a_meter_with_a_keeper_is_left_to_it(keep: Keep, clock: Clock, tmp_path: Path) -> None:
    keeper = keep(NOTES_ITS_START)
    told: list[str] = []
    keeper.changed.connect(told.append)
    keeper.saw(METER)
    keeper.saw(None, kept_by(KeeperPhase.STARTING))
    assert (keeper.phase, told) == (MeterPhase.KEPT, [])
    clock.now += 2.5
    keeper.saw(None, kept_by(KeeperPhase.STARTING, "It was killed."))
    assert told == ["Calls from connected agents wait until it is back. It was killed."]
    keeper.saw(METER)
    assert (keeper.phase, told[-1], starts(tmp_path)) == (MeterPhase.RUNNING, "", 0)


@cell("F45", "meter given up", "a tray shows it", "told with the reason and the log; Start again starts it")
def test_a_meter_that_its_keeper_gave_up_is_told_and_tried_again(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Keeper] = []
    monkeypatch.setattr("app.desktop.meter_process.renew_meter", asked.append)
    keeper = keep(NOTES_ITS_START)
    told: list[str] = []
    keeper.changed.connect(told.append)
    keeper.saw(METER)
    given_up = kept_by(KeeperPhase.BLOCKED, "The disk is full. Free some space.")
    keeper.saw(None, given_up)
    assert keeper.phase is MeterPhase.FAILED
    assert "fail until it is back. The meter stopped 5 times within a minute" in told[-1]
    assert "The disk is full. Free some space. Its log: " in told[-1]
    keeper.start_again()
    assert (asked, starts(tmp_path)) == ([given_up], 0)


@cell("F3", "keeper and meter killed", "a tray shows it", "the tray starts another keeper")
def test_without_a_keeper_the_tray_starts_one(qtbot: QtBot, keep: Keep, tmp_path: Path) -> None:
    keeper = keep(NOTES_ITS_START)
    keeper.saw(METER)
    keeper.saw(None, kept_by(KeeperPhase.STARTING))
    keeper.saw(None, None)
    qtbot.waitUntil(lambda: starts(tmp_path) == 1)


def test_crashes_far_apart_are_no_loop(qtbot: QtBot, keep: Keep, clock: Clock) -> None:
    keeper = keep("import time; time.sleep(30)")
    for _ in range(CRASHES * 2):
        keeper.saw(METER)
        keeper.saw(None)
        clock.now += 40
    assert keeper.phase is not MeterPhase.FAILED


def test_one_left_alone_is_not_started(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(NOTES_ITS_START)
    keeper.leave_alone()
    keeper.saw(None)
    assert keeper.phase is MeterPhase.LEFT_ALONE
    assert not (tmp_path / "meter.log").exists()


def test_a_program_that_is_not_there_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    keeper = MeterKeeper([str(tmp_path / "no-such-program")], tmp_path / "meter.log")
    keeper.saw(None)
    assert keeper.phase is MeterPhase.PAUSING
    keeper.leave_alone()
