"""What a meter's watch finds in calls as they are written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.loops import LoopKind, LoopLevel
from app.core.money import NANO_PER_USD
from app.core.origin import Origin, RequestClass
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome
from app.insight.spend_memory import Usual
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from app.ledger.loop_rule_store import set_rules
from app.ledger.loop_store import Loop, list_loops
from proxy_addon.loop_watch import LoopWatch, usual_of
from tests.ledger.bookkeeping import end, make_call, make_draft, reserve, spend_money
from tests.ledger.tooling import book_call, result, use

EVER = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TAGS = Tags(project="p", agent="a", session="s", virtual_key_id="k")
USUAL = {"a": Usual(pace_nano_usd=NANO_PER_USD // 10, calls=20)}


def see(
    watch: LoopWatch, ledger: Ledger, cost: int, *, tags: Tags = TAGS, at: datetime = NOW,
    request_class: RequestClass = RequestClass.MAIN,
) -> None:  # fmt: skip
    """One call, written and looked at."""
    origin = Origin(request_class)
    draft = spend_money(ledger, cost, tags=tags, at=at, origin=origin)
    with ledger.write() as connection:
        watch.look_at(Desk(connection, read_caps(connection), ledger), make_call(draft, cost), draft, at)


def kinds(ledger: Ledger) -> dict[LoopKind, Loop]:
    return {loop.finding.kind: loop for loop in list_loops(ledger, EVER)}


@pytest.fixture
def watch() -> LoopWatch:
    made = LoopWatch()
    made.usual = USUAL
    return made


def test_a_session_that_spends_far_faster_than_is_usual_is_told(ledger: Ledger, watch: LoopWatch) -> None:
    see(watch, ledger, NANO_PER_USD // 2)
    see(watch, ledger, NANO_PER_USD // 3, at=NOW + timedelta(minutes=1))
    assert kinds(ledger) == {}  # eight times the usual, and less than a dollar
    see(watch, ledger, NANO_PER_USD // 2, at=NOW + timedelta(minutes=2))
    found = kinds(ledger)[LoopKind.PACE]
    assert (found.finding.level, found.finding.count, found.stands) == (LoopLevel.ALERT, 13, False)
    assert found.finding.cost_nano_usd == sum((NANO_PER_USD // 2, NANO_PER_USD // 3, NANO_PER_USD // 2))


def test_what_was_spent_a_quarter_of_an_hour_ago_is_over(ledger: Ledger, watch: LoopWatch) -> None:
    for minutes in range(0, 120, 16):
        see(watch, ledger, NANO_PER_USD - 1, at=NOW + timedelta(minutes=minutes))
    assert kinds(ledger) == {}


def test_a_watch_that_starts_anew_reads_what_was_spent(ledger: Ledger, watch: LoopWatch) -> None:
    see(watch, ledger, NANO_PER_USD // 2)
    see(watch, ledger, NANO_PER_USD // 3, at=NOW + timedelta(minutes=1))
    second = LoopWatch()
    second.usual = USUAL
    see(second, ledger, NANO_PER_USD // 2, at=NOW + timedelta(minutes=2))
    assert kinds(ledger)[LoopKind.PACE].finding.count == 13


def test_a_task_that_makes_far_more_calls_than_is_usual_is_told(ledger: Ledger, watch: LoopWatch) -> None:
    for _ in range(99):
        spend_money(ledger, 1, tags=TAGS, at=NOW)
    see(watch, ledger, 1, at=NOW + timedelta(minutes=20))
    found = kinds(ledger)[LoopKind.CALLS]
    assert (found.finding.count, found.finding.usual, found.finding.level) == (100, 20, LoopLevel.NOTE)
    see(watch, ledger, 1, at=NOW + timedelta(days=1))
    assert kinds(ledger)[LoopKind.CALLS].finding.count == 100  # another day


def test_a_rule_makes_it_wait(ledger: Ledger, watch: LoopWatch) -> None:
    set_rules(ledger, "p", {LoopKind.PACE: LoopLevel.PAUSE})
    see(watch, ledger, 3 * NANO_PER_USD)
    assert kinds(ledger)[LoopKind.PACE].stands
    assert not reserve(ledger, make_draft(1, tags=TAGS)).is_admitted
    assert reserve(ledger, make_draft(1, tags=replace(TAGS, session="t"))).is_admitted


def test_a_kind_that_is_switched_off_holds_nothing_up_from_the_next_call_on(ledger: Ledger, watch: LoopWatch) -> None:
    set_rules(ledger, "p", {LoopKind.PACE: LoopLevel.PAUSE})
    under_way = make_draft(3 * NANO_PER_USD, tags=TAGS, at=NOW + timedelta(seconds=1))
    assert reserve(ledger, under_way).is_admitted
    see(watch, ledger, 3 * NANO_PER_USD)
    assert kinds(ledger)[LoopKind.PACE].stands
    set_rules(ledger, "p", {LoopKind.PACE: LoopLevel.OFF})
    end(ledger, under_way, 3 * NANO_PER_USD)
    with ledger.write() as connection:
        call = make_call(under_way, 3 * NANO_PER_USD)
        watch.look_at(Desk(connection, read_caps(connection), ledger), call, under_way, NOW)
    assert not kinds(ledger)[LoopKind.PACE].stands
    assert reserve(ledger, make_draft(1, tags=TAGS)).is_admitted


def test_titles_and_the_like_and_agents_without_a_history_are_left_alone(ledger: Ledger, watch: LoopWatch) -> None:
    see(watch, ledger, 50 * NANO_PER_USD, request_class=RequestClass.TITLE)
    see(watch, ledger, 50 * NANO_PER_USD, tags=replace(TAGS, agent="new"))
    assert kinds(ledger) == {}


def test_a_project_that_wants_to_hear_nothing_hears_nothing(ledger: Ledger, watch: LoopWatch) -> None:
    set_rules(ledger, "p", {LoopKind.PACE: LoopLevel.OFF})
    see(watch, ledger, 50 * NANO_PER_USD)
    assert kinds(ledger) == {}


def test_what_is_usual_is_the_middle_of_what_was(ledger: Ledger) -> None:
    for hours in range(12):
        spend_money(ledger, 100 + hours, at=NOW - timedelta(hours=24 + hours), agent="a", session=f"s{hours}")
    assert usual_of(ledger, NOW) == {"a": Usual(105, 1)}
    assert usual_of(ledger, NOW + timedelta(days=40)) == {}


def test_an_agent_that_loops_is_found_in_the_ledgers_own_steps(ledger: Ledger) -> None:
    watch, before = LoopWatch(), ""
    for number in range(12):
        failed = [result(f"t{number - 1}", ToolOutcome.FAILED)] if before else []
        call = book_call(ledger, use("Bash", "{}", f"t{number}"), results=failed, at=NOW + timedelta(seconds=number))
        draft = replace(make_draft(1, tags=call.tags, at=call.started_at), carries_results=bool(failed))
        if number == 6:
            watch = LoopWatch()  # as after a restart
        with ledger.write() as connection:
            watch.look_at(Desk(connection, read_caps(connection), ledger), call, draft, NOW)
        before = call.call_id
    found = kinds(ledger)[LoopKind.FAILING]
    assert (found.finding.count, found.stands, found.call_id) == (11, True, before)
