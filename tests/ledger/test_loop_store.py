from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.core.loops import DEFAULT_LEVELS, Finding, LoopKind, LoopLevel
from app.core.origin import Origin, RequestClass
from app.core.reservations import Draft, Obstacle, Refusal
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome
from app.ledger.approval_store import approve, approve_session, ask, refuse, refuse_all, waiting
from app.ledger.engine import Ledger, open_ledger
from app.ledger.loop_rule_store import LoopRule, forget_rules, list_rules, rules_of, set_rules
from app.ledger.loop_steps import agent_histories, answered_turns, calls_since, spent_lately, turns_before
from app.ledger.loop_store import Loop, end_loops, let_go_on, list_loops, loops_told_after, note_loop
from app.ledger.raise_store import raise_by
from app.ledger.retention import drop
from app.ledger.salvage import lay_over
from app.ledger.session_store import list_stopped_sessions
from tests.ledger.bookkeeping import make_draft, reserve, spend_money
from tests.ledger.tooling import START, book_call, result, use

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
EVER = datetime(2026, 1, 1, tzinfo=UTC)
TAGS = Tags(session="s", virtual_key_id="k", agent="a", project="p")


def note(
    ledger: Ledger, count: int, level: LoopLevel, *, kind: LoopKind = LoopKind.REPEAT, tags: Tags = TAGS,
    agent_id: str = "", mark: str = "m", at: datetime = NOW,
) -> None:  # fmt: skip
    finding = Finding(kind, level, count, mark, ("Bash", "Read"), 1_900_000_000)
    with ledger.write() as connection:
        note_loop(connection, finding, tags, agent_id, f"call-{count}", at)


def only(ledger: Ledger) -> Loop:
    (found,) = list_loops(ledger, EVER)
    return found


def draft(*, results: bool = True, agent_id: str = "", tags: Tags = TAGS, mark: str = "") -> Draft:
    origin = Origin(RequestClass.MAIN, agent_id)
    made = make_draft(100, tags=tags, origin=origin)
    return Draft(
        **{name: getattr(made, name) for name in Draft.__slots__} | {"carries_results": results, "input_mark": mark}
    )


def met(ledger: Ledger, asking: Draft) -> Obstacle | None:
    obstacles = reserve(ledger, asking).obstacles
    return obstacles[0] if obstacles else None


def put_question(ledger: Ledger, asking: Draft) -> str:
    obstacle = met(ledger, asking)
    assert obstacle is not None
    with ledger.write() as connection:
        return ask(connection, asking, obstacle, "meter", asking.at + timedelta(minutes=10))


def test_a_loop_is_one_row_that_grows_and_is_told_once(ledger: Ledger) -> None:
    for count, level in ((4, LoopLevel.NOTE), (5, LoopLevel.ALERT), (6, LoopLevel.ALERT), (10, LoopLevel.PAUSE)):
        note(ledger, count, level, at=NOW + timedelta(seconds=count))
    found = only(ledger)
    assert (found.finding.count, found.finding.level, found.stands) == (10, LoopLevel.PAUSE, True)
    assert (found.finding.tools, found.finding.cost_nano_usd, found.call_id) == (
        ("Bash", "Read"),
        1_900_000_000,
        "call-10",
    )
    assert (found.found_at, found.told_at) == (NOW + timedelta(seconds=4), NOW + timedelta(seconds=5))
    assert loops_told_after(ledger, NOW) == [found]
    assert loops_told_after(ledger, NOW + timedelta(seconds=5)) == []


def test_kinds_marks_and_conversations_are_loops_of_their_own(ledger: Ledger) -> None:
    note(ledger, 5, LoopLevel.ALERT)
    note(ledger, 5, LoopLevel.ALERT, mark="other")
    note(ledger, 5, LoopLevel.ALERT, kind=LoopKind.CYCLE)
    note(ledger, 5, LoopLevel.ALERT, agent_id="helper")
    note(ledger, 5, LoopLevel.ALERT, tags=Tags(session="t", virtual_key_id="k", project="q"))
    assert len(list_loops(ledger, EVER)) == 5
    assert len(list_loops(ledger, EVER, project="q")) == len(list_loops(ledger, EVER, session="t")) == 1
    assert list_loops(ledger, NOW + timedelta(seconds=1)) == []


def test_a_loop_stands_in_the_way_of_what_goes_on_with_it_alone(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    obstacle = met(ledger, draft())
    assert obstacle is not None
    assert (obstacle.refusal, obstacle.asks_person, obstacle.remaining_nano_usd) == (Refusal.LOOP, True, None)
    assert obstacle.cap_name == "Bash and Read with the same arguments, 10 times"
    assert obstacle.words.startswith("Bash and Read was called with the same arguments 10 times")
    assert met(ledger, draft(results=False)) is None  # a person spoke
    assert met(ledger, draft(agent_id="helper")) is None
    assert met(ledger, draft(tags=Tags(session="t", virtual_key_id="k"))) is None
    assert met(ledger, draft(tags=Tags(session="s", virtual_key_id="other"))) is None


def test_a_repeated_request_stands_in_its_own_way_and_a_pace_in_everybodys(ledger: Ledger) -> None:
    note(ledger, 20, LoopLevel.BLOCK, kind=LoopKind.REQUEST, mark="same")
    obstacle = met(ledger, draft(results=False, mark="same"))
    assert obstacle is not None
    assert not obstacle.asks_person
    assert met(ledger, draft(mark="other")) is None
    note(ledger, 30, LoopLevel.PAUSE, kind=LoopKind.PACE, mark="")
    assert met(ledger, draft(results=False, agent_id="helper")) is not None


def test_a_loop_that_is_over_stands_no_more(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    with ledger.write() as connection:
        end_loops(connection, TAGS, "", {(LoopKind.REPEAT, "m")})
    assert only(ledger).stands
    with ledger.write() as connection:
        end_loops(connection, TAGS, "helper", ())
        end_loops(connection, TAGS, "", {(LoopKind.REPEAT, "other")})
    assert not only(ledger).stands
    assert met(ledger, draft()) is None


def test_approving_lets_a_loop_go_on_until_it_has_gone_round_twice_as_often(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    approve(ledger, put_question(ledger, draft()), by="me")
    assert (only(ledger).stands, only(ledger).was_let_go) == (False, True)
    note(ledger, 19, LoopLevel.PAUSE, at=NOW + timedelta(seconds=1))
    assert met(ledger, draft()) is None
    note(ledger, 20, LoopLevel.PAUSE, at=NOW + timedelta(seconds=2))
    assert met(ledger, draft()) is not None
    assert only(ledger).told_at == NOW + timedelta(seconds=2)  # told again


def test_one_that_begins_anew_speaks_from_the_beginning(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    let_go_on(ledger, only(ledger).loop_id, by="me")
    later = NOW + timedelta(minutes=1)
    note(ledger, 4, LoopLevel.NOTE, at=later)
    assert (only(ledger).told_at, only(ledger).found_at, only(ledger).was_let_go) == (None, later, False)
    note(ledger, 10, LoopLevel.PAUSE, at=later)
    assert only(ledger).stands


def test_approving_for_the_session_lets_it_go_on_for_good(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    approve_session(ledger, put_question(ledger, draft()), by="me")
    note(ledger, 500, LoopLevel.PAUSE)
    assert met(ledger, draft()) is None


def test_refusing_stops_the_session(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    refuse(ledger, put_question(ledger, draft()), by="me")
    (stopped,) = list_stopped_sessions(ledger)
    assert (stopped.session, stopped.stopped_by) == ("s", "me")
    assert only(ledger).was_let_go  # should the session be resumed
    note(ledger, 20, LoopLevel.PAUSE, tags=Tags(session="t", virtual_key_id="k"))
    other = draft(tags=Tags(session="t", virtual_key_id="k"))
    asked = [put_question(ledger, other), put_question(ledger, other)]
    assert refuse_all(ledger, asked, by="me") == 2
    assert {one.session for one in list_stopped_sessions(ledger)} == {"s", "t"}


def test_a_loop_in_calls_without_a_session_is_refused_once_and_stops_nobody(ledger: Ledger) -> None:
    tags = Tags(virtual_key_id="k")
    note(ledger, 10, LoopLevel.PAUSE, tags=tags)
    refuse(ledger, put_question(ledger, draft(tags=tags)), by="me")
    assert list_stopped_sessions(ledger) == []
    assert not only(ledger).stands


def test_no_cap_can_be_raised_for_a_loop(ledger: Ledger) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    put_question(ledger, draft())
    (question,) = waiting(ledger)
    assert question.is_about_loop
    with pytest.raises(InvalidInput, match="No cap is in the way"):
        raise_by(ledger, question.cap_id, question.window_key, 1)
    with pytest.raises(InvalidInput, match="No such loop"):
        let_go_on(ledger, "none", by="me")


def test_rules_hold_in_their_project_before_those_for_everywhere(ledger: Ledger) -> None:
    set_rules(ledger, "", {LoopKind.REPEAT: LoopLevel.ALERT, LoopKind.CYCLE: LoopLevel.OFF})
    set_rules(ledger, "evals", {LoopKind.REPEAT: LoopLevel.NOTE})
    set_rules(ledger, "evals", {LoopKind.REPEAT: LoopLevel.BLOCK})
    with ledger.read() as connection:
        evals, others = rules_of(connection, "evals").levels, rules_of(connection, "web").levels
    assert (evals[LoopKind.REPEAT], evals[LoopKind.CYCLE]) == (LoopLevel.BLOCK, LoopLevel.OFF)
    assert others == {**DEFAULT_LEVELS, LoopKind.REPEAT: LoopLevel.ALERT, LoopKind.CYCLE: LoopLevel.OFF}
    assert list_rules(ledger)[-1] == LoopRule("evals", LoopKind.REPEAT, LoopLevel.BLOCK)
    assert (forget_rules(ledger, ""), forget_rules(ledger, ""), len(list_rules(ledger))) == (2, 0, 1)


def test_steps_are_read_back_along_the_chain_of_results(ledger: Ledger) -> None:
    digests = (b"same", b"same", b"other")
    calls = [book_call(ledger, use("Bash", "{}", "t0"), cost=7)]
    for number, digest in enumerate(digests):
        made = result(f"t{number}", ToolOutcome.FAILED)
        carried = type(made)(made.provider_id, made.name, made.outcome, made.result_bytes, digest)
        calls.append(book_call(ledger, use("Bash", "{}", f"t{number + 1}"), results=[carried], cost=8))
    with ledger.read() as connection:
        turns = turns_before(connection, calls[-1].call_id, 10)
        assert turns_before(connection, calls[-1].call_id, 2) == turns[-2:]
        assert answered_turns(connection, calls[0].call_id) == ()
    assert [(turn.call_id, turn.cost_nano_usd) for turn in turns] == list(
        zip((c.call_id for c in calls), (7, 8, 8), strict=False)
    )
    marks = [turn.steps[0].result for turn in turns]
    assert (marks[0] == marks[1], marks[1] == marks[2]) == (True, False)
    assert b"same" not in {mark.encode() for mark in marks}
    assert {(step.tool, step.outcome) for turn in turns for step in turn.steps} == {("Bash", ToolOutcome.FAILED)}


def test_what_an_agent_did_lately_is_told_by_quarters_and_days(ledger: Ledger) -> None:
    for hours in range(12):
        tags = {"agent": "a", "project": "p", "session": f"s{hours}", "task": "t"}
        spend_money(ledger, 10, at=START - timedelta(hours=24 + hours), **tags)  # type: ignore[arg-type]
        spend_money(ledger, 5, at=START - timedelta(hours=24 + hours), **tags)  # type: ignore[arg-type]
    spend_money(ledger, 500, at=START - timedelta(days=30), agent="a", session="old")
    spend_money(ledger, 500, at=START, agent="a", session="now", task="now")
    history = agent_histories(ledger, START + timedelta(minutes=1))["a"]
    assert sorted(history.quarters_nano_usd) == [15] * 12
    assert sum(history.days_calls) == 24
    with ledger.read() as connection:
        found = Tags(agent="a", session="now", task="now")
        assert calls_since(connection, found, START - timedelta(hours=1)) == 1
        assert [cost for _, cost in spent_lately(connection, found, START - timedelta(hours=1))] == [500]


def test_turns_of_nothing_are_nothing(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert turns_before(connection, "unknown", 5) == []


def test_loops_go_with_the_calls_of_their_time(ledger: Ledger) -> None:
    note(ledger, 5, LoopLevel.ALERT, at=NOW - timedelta(days=90))
    note(ledger, 5, LoopLevel.ALERT, mark="new")
    with ledger.write() as connection:
        drop(connection, NOW - timedelta(days=60), [])
    assert only(ledger).finding.mark == "new"


def test_what_was_said_to_loops_is_saved_from_a_damaged_ledger(ledger: Ledger, tmp_path: Path) -> None:
    note(ledger, 10, LoopLevel.PAUSE)
    let_go_on(ledger, only(ledger).loop_id, by="me")
    set_rules(ledger, "p", {LoopKind.CYCLE: LoopLevel.OFF})
    backup = open_ledger(tmp_path / "backup.sqlite")
    assert lay_over(backup, ledger.path) is not None
    assert (only(backup), list_rules(backup)) == (only(ledger), list_rules(ledger))
    backup.close()
