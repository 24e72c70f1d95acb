import json
from datetime import UTC, datetime, timedelta

import pytest

from app.core.loops import Finding, LoopKind, LoopLevel
from app.core.reservations import Draft
from app.core.tags import Tags
from app.ledger.approval_store import ask, waiting
from app.ledger.engine import Ledger
from app.ledger.loop_store import list_loops, loop_in_the_way, note_loop
from app.ledger.session_store import list_stopped_sessions
from tests.cli.conftest import Bursar
from tests.cli.samples import draft

TAGS = Tags(project="evals", agent="nightly-eval", session="session-1234567", virtual_key_id="k")


def note(ledger: Ledger, count: int = 12, level: LoopLevel = LoopLevel.PAUSE, kind: LoopKind = LoopKind.FAILING) -> str:
    finding = Finding(kind, level, count, "m", ("Bash",), 1_900_000_000)
    with ledger.write() as connection:
        note_loop(connection, finding, TAGS, "", "call", datetime.now(UTC))
    return list_loops(ledger, datetime.fromtimestamp(0, UTC))[0].loop_id


def put_question(ledger: Ledger) -> None:
    made = draft(TAGS)
    asking = Draft(**{name: getattr(made, name) for name in Draft.__slots__} | {"carries_results": True})
    with ledger.write() as connection:
        obstacle = loop_in_the_way(connection, asking, frozenset())
        assert obstacle is not None
        ask(connection, asking, obstacle, "meter", asking.at + timedelta(minutes=10))


def test_loops_are_listed_with_what_repeats_and_what_it_cost(bursar: Bursar, ledger: Ledger) -> None:
    assert bursar("loops").out == "No agent went round in circles this week.\n"
    loop_id = note(ledger)
    listed = bursar("loops").out
    for part in (loop_id[-6:], "Bash with the same arguments, failed 12 times", "$1.90", "nightly-eval", "waits"):
        assert part in listed
    [told] = json.loads(bursar("loops", "--json", "--project", "evals").out)
    assert (told["id"], told["count"], told["cost_usd"], told["tools"]) == (loop_id, 12, "1.90", ["Bash"])
    assert json.loads(bursar("loops", "--json", "--project", "web").out) == []


def test_the_only_loop_in_the_way_is_let_go_on_without_an_id(bursar: Bursar, ledger: Ledger) -> None:
    note(ledger)
    said = "Goes on until 24: Bash with the same arguments, failed 12 times.\n"
    assert bursar("loops", "allow").out == said
    assert "let go on" in bursar("loops").out
    assert bursar("loops", "allow").err.splitlines()[0] == "There is no loop"


def test_a_named_loop_is_let_go_on_for_good(bursar: Bursar, ledger: Ledger) -> None:
    loop_id = note(ledger)
    assert "for good" in bursar("loops", "allow", loop_id[-6:], "--for-good").out
    note(ledger, 5_000)
    assert not list_loops(ledger, datetime.fromtimestamp(0, UTC))[0].stands


def test_levels_are_set_for_a_project_and_everywhere(bursar: Bursar) -> None:
    assert bursar("loops", "set", "--repeat", "alert", "--request", "off").out == (
        "Loops everywhere: repeat: alert, request: off.\n"
    )
    assert bursar("loops", "set", "--project", "evals", "--repeat", "block").out == "Loops in evals: repeat: block.\n"
    everywhere, evals = json.loads(bursar("loops", "rules", "--json").out)
    assert (everywhere["repeat"], everywhere["request"], everywhere["failing"]) == ("alert", "off", "pause")
    assert (evals["project"], evals["repeat"], evals["request"]) == ("evals", "block", "off")
    assert "evals" in bursar("loops", "rules").out
    assert bursar("loops", "set", "--defaults").out == "Loops everywhere: as without a rule.\n"
    assert json.loads(bursar("loops", "rules", "--json").out)[0]["repeat"] == "pause"


def test_what_is_no_rule_is_refused(bursar: Bursar) -> None:
    assert bursar("loops", "set").err.splitlines()[0] == "Nothing to set"
    assert bursar("loops", "set", "--repeat", "never").status == 2


@pytest.mark.parametrize("answer", ["approve", "refuse"])
def test_a_call_that_waits_in_a_loop_is_answered_as_any_other(bursar: Bursar, ledger: Ledger, answer: str) -> None:
    note(ledger)
    put_question(ledger)
    assert "Bash with the same arguments, failed 12 times" in bursar("approvals", "list").out
    [told] = json.loads(bursar("approvals", "list", "--json").out)
    assert (told["about"], told["cap"], told["limit_usd"], told["spent_usd"]) == ("loop", None, None, "1.90")
    assert bursar("approvals", "raise", "5").err.splitlines()[0] == "No cap is in the way"
    said = bursar("approvals", answer).out
    assert waiting(ledger) == []
    if answer == "approve":
        assert said == "Goes on: nightly-eval in evals. Bash with the same arguments, failed 12 times.\n"
        assert list_stopped_sessions(ledger) == []
    else:
        assert said.startswith("Refused: nightly-eval in evals. Its session is stopped, until: bursar resume ")
        assert [one.session for one in list_stopped_sessions(ledger)] == [TAGS.session]
