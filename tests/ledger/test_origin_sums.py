from dataclasses import replace
from datetime import timedelta

from app.core.history import LoggedCall
from app.core.origin import MAIN_ORIGIN, Origin, OriginSum, RequestClass
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.imported_calls import link_since, store_calls
from app.ledger.origin_sums import purposes_between, task_origins
from tests.ledger.test_imported_calls import AT, BEGINNING, logged, metered, put_on_wire

TAGS = Tags(agent="claude", task="t", session="s1")
EXPLORE = Origin(RequestClass.SUB_AGENT, "b7", "a1", "Explore")
TITLE = Origin(RequestClass.TITLE)


def fill(ledger: Ledger) -> None:
    wire = replace(metered("w1", response_id="r1"), tags=TAGS)
    others = [replace(wire, call_id=f"w{number}", response_id="", origin=EXPLORE) for number in (2, 3)]
    title = replace(wire, call_id="w4", response_id="", origin=TITLE, tags=replace(TAGS, session="s2"))
    put_on_wire(ledger, wire, *others, title)
    alone = logged("l2", response_id="r2")
    alone = LoggedCall(alone.source, replace(alone.call, tags=TAGS))
    store_calls(ledger, [logged("l1", response_id="r1"), alone])
    link_since(ledger, BEGINNING)


def test_a_tasks_calls_are_summed_by_session_and_part(ledger: Ledger) -> None:
    fill(ledger)
    found = sorted(task_origins(ledger, "t"), key=lambda one: (one.session, one.origin.agent_id))
    assert found == [
        OriginSum("s1", MAIN_ORIGIN, 2, 2_000),
        OriginSum("s1", EXPLORE, 2, 2_000),
        OriginSum("s2", TITLE, 1, 1_000),
    ]
    assert task_origins(ledger, "s2") == [OriginSum("s2", TITLE, 1, 1_000)], "a session, where no task is called so"
    assert task_origins(ledger, "") == task_origins(ledger, "other") == []


def test_a_weeks_calls_are_summed_by_purpose(ledger: Ledger) -> None:
    fill(ledger)
    found = purposes_between(ledger, BEGINNING, AT + timedelta(hours=1))
    assert {(one.origin.request_class, one.calls, one.cost_nano_usd) for one in found} == {
        (RequestClass.MAIN, 2, 2_000), (RequestClass.SUB_AGENT, 2, 2_000), (RequestClass.TITLE, 1, 1_000),
    }  # fmt: skip
    assert purposes_between(ledger, BEGINNING, BEGINNING) == []
