from dataclasses import replace
from datetime import timedelta

from app.core.call import Basis, Outcome
from app.core.call_sum import CallSum, TaskId
from app.core.history import LoggedCall
from app.core.tags import Tags
from app.ledger.call_sums import call_sums, task_sums
from app.ledger.engine import Ledger
from app.ledger.imported_calls import link_since, store_calls
from tests.ledger.test_imported_calls import AT, BEGINNING, logged, metered, put_on_wire

TAGS = Tags(project="shop", agent="gemini", task="t", session="s1")
HOUR = timedelta(hours=1)


def fill(ledger: Ledger) -> None:
    wire = replace(metered("w1", response_id="r1"), tags=TAGS)
    put_on_wire(
        ledger,
        wire,
        replace(wire, call_id="w2", tags=replace(TAGS, session="s2"), response_id=""),
        replace(wire, call_id="w3", outcome=Outcome.FAILED, cost_nano_usd=7, response_id=""),
        replace(wire, call_id="w4", outcome=Outcome.FAILED, cost_nano_usd=0, response_id=""),
        replace(wire, call_id="w5", outcome=Outcome.INTERRUPTED, cost_nano_usd=11, response_id=""),
        replace(wire, call_id="w6", cost_nano_usd=None, cost_basis=Basis.UNPRICED, response_id=""),
        replace(wire, call_id="w7", outcome=Outcome.REFUSED, cost_nano_usd=0, response_id=""),
    )
    alone = logged("l2", response_id="r2")
    alone = LoggedCall(alone.source, replace(alone.call, tags=replace(TAGS, task="", session="s9")))
    store_calls(ledger, [logged("l1", response_id="r1"), alone])
    link_since(ledger, BEGINNING)


WHOLE = CallSum(
    TaskId("t", "", "gemini", "shop"),
    "google",
    "gemini-2.5-pro",
    calls=2,
    input_tokens=2_000,
    cache_read_tokens=1_600,
    output_tokens=100,
    cost_nano_usd=2_000,
    failed_calls=2,
    paid_failures=1,
    failed_nano_usd=7,
    interrupted_calls=1,
    interrupted_nano_usd=11,
    unpriced_calls=1,
    first_at=AT,
    last_at=AT,
)


def test_a_task_is_summed_over_its_sessions_and_a_session_stands_for_a_missing_task(ledger: Ledger) -> None:
    fill(ledger)
    task, session = sorted(call_sums(ledger, AT - HOUR, AT + HOUR), key=lambda one: -one.calls)
    assert task == WHOLE
    assert (session.task, session.calls, session.whole_nano_usd) == (TaskId("", "s9", "gemini", "shop"), 1, 1_000)
    assert (task.all_calls, task.whole_nano_usd) == (6, 2_018)
    assert call_sums(ledger, AT + HOUR, AT + 2 * HOUR) == []
    assert call_sums(ledger, AT - HOUR, AT + HOUR, agent="codex") == []


def test_a_name_means_a_task_else_a_session(ledger: Ledger) -> None:
    fill(ledger)
    assert task_sums(ledger, "t") == [WHOLE]
    assert [one.calls for one in task_sums(ledger, "s9")] == [1]
    assert [one.task.task for one in task_sums(ledger, "s2")] == ["t"]
    assert task_sums(ledger, "nothing") == []
