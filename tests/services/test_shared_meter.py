import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import MeterError
from app.ledger.attendance import any_run, attend_keeper, attend_run, has_keeper
from app.ledger.engine import Ledger
from app.ledger.meter_state import InstanceLock, register_meter, request_stop
from app.services import meter
from app.services.settings import Settings
from app.services.shared_meter import shared_meter

GATEWAY, FORWARD = "http://127.0.0.1:8787", "http://127.0.0.1:8788"
FAILED = {"event": "failed", "title": "Port 8787 is in use", "message": "Another program listens there."}


@pytest.fixture
def running(ledger: Ledger) -> InstanceLock:
    """A meter of this process at the usual ports; releasing its lock is its death."""
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, GATEWAY, FORWARD)
    return lock


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Puts a program in the meter's place that cannot start and writes a line into this file at each try."""
    tries, code = tmp_path / "tries", tmp_path / "meter.py"
    tries.touch()
    code.write_text(f"open({str(tries)!r}, 'a').write('tried\\n')\nprint({json.dumps(FAILED)!r})")
    monkeypatch.setattr(meter, "start_command", lambda *given, **options: [sys.executable, str(code)])
    return tries


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_meter_that_cannot_be_started_again_is_given_up_and_told(
    ledger: Ledger, running: InstanceLock, starts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.crashes.LAST_PAUSE_S", 0.0)
    with shared_meter(ledger, Settings()) as shared:
        assert (shared.gateway_url, shared.trouble()) == (GATEWAY, "")
        running.release()
        _wait_for(lambda: "given up" in shared.trouble())
        assert shared.trouble() == (
            "The meter kept stopping, 5 times within a minute, and was given up. The meter stopped while this ran. "
            "Port 8787 is in use. Another program listens there."
        )
    assert starts.read_text().count("tried") == 4


def test_a_meter_that_a_tray_keeps_is_left_to_it_until_the_tray_ends(
    ledger: Ledger, running: InstanceLock, starts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def counted(ledger: Ledger, port: int) -> bool:
        looks.append(port)
        return has_keeper(ledger, port)

    monkeypatch.setattr("app.services.shared_meter.has_keeper", counted)
    keeper = attend_keeper(ledger, 8787)
    with shared_meter(ledger, Settings()) as shared:
        running.release()
        _wait_for(lambda: len(looks) >= 3)
        assert "was not back at the end" in shared.trouble()
        assert starts.read_text() == ""
        keeper.release()
        _wait_for(lambda: starts.read_text() != "")


def test_a_meter_that_its_keeper_started_again_is_taken(ledger: Ledger, running: InstanceLock, starts: Path) -> None:
    keeper = attend_keeper(ledger, 8787)
    with shared_meter(ledger, Settings()) as shared:
        running.release()
        _wait_for(lambda: shared.trouble() != "")
        again = InstanceLock(ledger)
        register_meter(ledger, again.instance_id, GATEWAY, FORWARD)
        _wait_for(lambda: shared.trouble() == "")
    assert starts.read_text() == ""
    for lock in (again, keeper):
        lock.release()


def test_a_meter_that_is_about_to_end_is_not_joined(ledger: Ledger, running: InstanceLock, starts: Path) -> None:
    request_stop(ledger, running.instance_id)
    with pytest.raises(MeterError, match="Port 8787"), shared_meter(ledger, Settings()):
        pass
    assert starts.read_text() == "tried\n"
    assert not any_run(ledger)
    running.release()


def test_who_is_there_is_told_by_locks_and_what_the_dead_left_goes_after_a_minute(ledger: Ledger) -> None:
    assert not any_run(ledger)
    run, keeper = attend_run(ledger), attend_keeper(ledger, 8787)
    assert (any_run(ledger), has_keeper(ledger, 8787), has_keeper(ledger, 87)) == (True, True, False)
    [folder] = [path for path in ledger.path.parent.iterdir() if path.name.endswith(".attendance")]
    dead = folder / "run-of-somebody-dead"
    dead.touch()
    os.utime(dead, (0, 0))
    run.release()
    assert not any_run(ledger)
    attend_run(ledger).release()
    assert [path.name.rpartition("-")[0] for path in folder.iterdir()] == ["keeper-8787"]
    keeper.release()
