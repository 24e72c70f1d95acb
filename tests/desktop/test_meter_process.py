"""The keeper against real processes: a small program stands in for the meter."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.desktop.meter_process import CRASHES, MeterKeeper, MeterPhase
from app.ledger.meter_state import Meter

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
