import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.call import Outcome
from app.core.origin import Origin, RequestClass
from app.ledger.approval_store import ApprovalState, answered, waiting
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import (
    InstanceLock,
    is_paused,
    mark_stopped,
    pause_everything,
    register_meter,
    request_stop,
    resume,
    running_meter,
    stop_requested,
    unfinished_meters,
)
from app.ledger.recovery import recover_dead_instances
from tests.ledger.bookkeeping import derived_totals, end, make_draft, money_in, reserve, set_cap, written_totals
from tests.ledger.conftest import StartProcess
from tests.ledger.other_process import HOLD


def now() -> datetime:
    return datetime.now(UTC)


def start_meter(ledger: Ledger) -> InstanceLock:
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:8787", "http://127.0.0.1:8788")
    return lock


def test_calls_of_a_killed_meter_are_charged_at_worst_and_those_of_the_living_are_left(
    ledger: Ledger, start_process: StartProcess
) -> None:
    cap = set_cap(ledger, 10**9)
    mine = start_meter(ledger)
    living_draft = make_draft(7)
    reserve(ledger, living_draft, instance=mine.instance_id)
    killed, spared = (start_process("meter", ledger.path, 3) for _ in range(2))
    assert killed.stdout is not None
    assert spared.stdout is not None
    dead_id, spared_id = killed.stdout.readline().strip(), spared.stdout.readline().strip()
    assert {meter.instance_id for meter in unfinished_meters(ledger)} == {mine.instance_id, dead_id, spared_id}
    assert recover_dead_instances(ledger, now()) == 0, "all of them live"
    assert money_in(ledger, cap) == (0, 6 * HOLD + 7)

    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(timeout=30)

    assert {meter.instance_id: meter.is_alive for meter in unfinished_meters(ledger)} == {
        dead_id: False, spared_id: True, mine.instance_id: True,
    }  # fmt: skip
    assert recover_dead_instances(ledger, now()) == 3
    assert money_in(ledger, cap) == (3 * HOLD, 3 * HOLD + 7)
    assert written_totals(ledger) == derived_totals(ledger)
    lost = recent_calls(ledger)
    assert {(call.outcome, call.error_type, call.cost_nano_usd) for call in lost} == {
        (Outcome.INTERRUPTED, "meter_died", None)
    }
    assert [approval.state for approval in answered(ledger)] == [ApprovalState.GONE]
    assert len(waiting(ledger)) == 1

    assert recover_dead_instances(ledger, now()) == 0
    assert money_in(ledger, cap) == (3 * HOLD, 3 * HOLD + 7)
    assert {meter.instance_id for meter in unfinished_meters(ledger)} == {spared_id, mine.instance_id}
    assert end(ledger, living_draft, 5)
    mine.release()


def test_calls_of_a_meter_that_died_before_it_said_that_it_was_here_are_charged_too(ledger: Ledger) -> None:
    cap, lock = set_cap(ledger, 1_000), InstanceLock(ledger)
    reserve(ledger, make_draft(60), instance=lock.instance_id)
    assert recover_dead_instances(ledger, now()) == 0, "it lives"
    lock.release()
    assert [recover_dead_instances(ledger, now()) for _ in range(2)] == [1, 0]
    assert money_in(ledger, cap) == (60, 0)


def test_a_late_settle_of_a_recovered_call_changes_nothing(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    lock, draft = start_meter(ledger), make_draft(60)
    reserve(ledger, draft, instance=lock.instance_id)
    lock.release()
    assert recover_dead_instances(ledger, now()) == 1
    assert not end(ledger, draft, 10)
    assert money_in(ledger, cap) == (60, 0)


def test_a_lost_call_is_still_known_as_its_sub_agents(ledger: Ledger) -> None:
    lock, origin = start_meter(ledger), Origin(RequestClass.SUB_AGENT, "b", "a", "Explore")
    reserve(ledger, make_draft(60, origin=origin), instance=lock.instance_id)
    lock.release()
    assert recover_dead_instances(ledger, now()) == 1
    assert [call.origin for call in recent_calls(ledger)] == [origin]


def test_the_running_meter_is_the_newest_that_lives(ledger: Ledger) -> None:
    assert running_meter(ledger) is None
    first, second = start_meter(ledger), start_meter(ledger)
    found = running_meter(ledger)
    assert found is not None
    assert (found.instance_id, found.pid, found.is_alive) == (second.instance_id, os.getpid(), True)
    assert found.gateway_url == "http://127.0.0.1:8787"
    second.release()
    found = running_meter(ledger)
    assert found is not None
    assert found.instance_id == first.instance_id
    with ledger.write() as connection:
        mark_stopped(connection, first.instance_id, now())
    assert running_meter(ledger) is None
    first.release()


@pytest.mark.parametrize("via_link", [False, True])
def test_a_meter_is_seen_alive_through_another_opening_of_the_ledger(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, via_link: bool
) -> None:
    lock = start_meter(ledger)
    monkeypatch.chdir(ledger.path.parent)
    path = Path("ledger.sqlite")
    if via_link:
        path = Path("elsewhere") / "link.sqlite"
        path.parent.mkdir()
        path.symlink_to(ledger.path)
    again = open_ledger(path)
    assert running_meter(again) is not None
    assert recover_dead_instances(again, now()) == 0
    again.close()
    lock.release()


def test_a_meter_is_asked_to_stop(ledger: Ledger) -> None:
    lock, other = start_meter(ledger), start_meter(ledger)
    request_stop(ledger, lock.instance_id)
    with ledger.read() as connection:
        assert stop_requested(connection, lock.instance_id)
        assert not stop_requested(connection, other.instance_id)
        assert not stop_requested(connection, "unheard of")
    for one in (lock, other):
        one.release()


def test_everything_is_paused_until_it_is_resumed(ledger: Ledger) -> None:
    assert not is_paused(ledger)
    for _ in range(2):
        pause_everything(ledger, by="ada")
        assert is_paused(ledger)
    resume(ledger, by="bob")
    assert not is_paused(ledger)
