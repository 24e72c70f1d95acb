from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.call import Basis, Outcome
from app.core.tags import Billing, Scope, Tags
from app.core.usage import Usage
from app.ledger.budget import cost_of_label
from app.ledger.engine import Ledger
from app.ledger.overview_sums import bucket_spend
from app.ledger.rollup import roll_up
from app.ledger.settlement import write_refused
from app.ledger.spend import busiest_sessions, spend_between, spend_by
from app.ledger.spend_sums import Spend
from tests.ledger.bookkeeping import end, make_call, make_draft, reserve, spend_money

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def refuse_call(ledger: Ledger, at: datetime = NOON, **labels: str) -> None:
    with ledger.write() as connection:
        write_refused(connection, make_call(make_draft(5, at=at, tags=Tags(**labels)), 0, outcome=Outcome.REFUSED))


def test_nothing_is_nothing(ledger: Ledger) -> None:
    assert spend_between(ledger, NOON, NOON + HOUR) == Spend("", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert spend_by(ledger, Scope.PROJECT, NOON, NOON + HOUR) == []
    assert busiest_sessions(ledger, NOON) == []


def test_sums_take_known_costs_and_count_the_unknown(ledger: Ledger) -> None:
    for cost, outcome, basis, usage in (
        (100, Outcome.COMPLETED, Basis.TABLE, Usage(10, 5, 4, 3)),
        (50, Outcome.INTERRUPTED, Basis.ESTIMATED, Usage(1)),
        (0, Outcome.FAILED, Basis.REPORTED, Usage()),
        (None, Outcome.COMPLETED, Basis.UNPRICED, Usage(7, 7)),
    ):
        draft = make_draft(100, at=NOON)
        reserve(ledger, draft)
        end(ledger, draft, cost, outcome=outcome, cost_basis=basis, usage=usage)
    refuse_call(ledger)
    assert spend_between(ledger, NOON, NOON + HOUR) == Spend(
        key="", calls=4, refused_calls=1, failed_calls=1, input_tokens=18, output_tokens=12, cache_read_tokens=4,
        cache_write_tokens=3, cost_nano_usd=150, unpriced_calls=1, estimated_calls=1,
    )  # fmt: skip


def test_what_a_subscription_paid_for_stands_beside_the_money_and_not_in_it(ledger: Ledger) -> None:
    spend_money(ledger, 10, at=NOON, session="s")
    spend_money(ledger, 300, at=NOON, session="s", billing=Billing.SUBSCRIPTION)
    spend_money(ledger, None, at=NOON, session="s", billing=Billing.SUBSCRIPTION)
    for found in (spend_between(ledger, NOON, NOON + HOUR), *spend_by(ledger, Scope.SESSION, NOON, NOON + HOUR)):
        assert (found.calls, found.cost_nano_usd, found.unpriced_calls) == (3, 10, 0)
        assert (found.subscription_calls, found.subscription_nano_usd) == (2, 300)
    assert bucket_spend(ledger, [NOON, NOON + HOUR]) == {("", 0): 10}
    [session] = busiest_sessions(ledger, NOON)
    assert (session.calls, session.cost_nano_usd, session.unpriced_calls, sum(session.series)) == (3, 10, 0, 10)
    with ledger.read() as connection:
        assert cost_of_label(connection, Scope.SESSION, Tags(session="s")) == 10


@pytest.mark.parametrize("labels", [("s", "t"), ("s", ""), ("", "t"), ("", "")])
def test_what_runs_is_told_with_all_it_ever_cost_whichever_labels_it_has(
    ledger: Ledger, labels: tuple[str, str]
) -> None:
    session, task = labels
    mine, theirs = Tags("p", "a", session=session, task=task), Tags("p", "b", session=session, task=task)
    spend_money(ledger, 10, at=NOON - timedelta(days=40), tags=mine)
    spend_money(ledger, 500, at=NOON - timedelta(days=40), tags=theirs)
    with ledger.write() as connection:
        roll_up(connection, 10)
    spend_money(ledger, 20, at=NOON, tags=mine)
    spend_money(ledger, None, at=NOON, tags=mine)
    refuse_call(ledger, project="p", agent="a", session=session, task=task)
    [running] = busiest_sessions(ledger, NOON)
    assert (running.session, running.task, running.agent) == (session, task, "a")
    assert (running.calls, running.cost_nano_usd, running.unpriced_calls) == (3, 30, 1)
    assert (running.last_call_at, sum(running.series)) == (NOON, 20)


def test_a_span_holds_its_start_and_not_its_end(ledger: Ledger) -> None:
    for offset in (-1, 0, 1):
        spend_money(ledger, 10, at=NOON + timedelta(microseconds=offset))
    assert spend_between(ledger, NOON, NOON + timedelta(microseconds=1)).cost_nano_usd == 10


@pytest.mark.parametrize("scope", list(Scope))
def test_spend_is_grouped_by_every_scope_dearest_first(ledger: Ledger, scope: Scope) -> None:
    spend_money(ledger, 10, at=NOON, model="x", tags=Tags("x", "x", "x", "x", "x", "x", "x"))
    spend_money(ledger, 30, at=NOON, model="y", tags=Tags("y", "y", "y", "y", "y", "y", "y"))
    spend_money(ledger, 20, at=NOON, model="")
    found = [(spend.key, spend.cost_nano_usd) for spend in spend_by(ledger, scope, NOON, NOON + HOUR)]
    whole = {Scope.EVERYTHING: [("", 60)], Scope.PROVIDER: [("anthropic", 60)]}
    assert found == whole.get(scope, [("y", 30), ("", 20), ("x", 10)])


def test_a_call_counts_for_the_model_that_answered(ledger: Ledger) -> None:
    draft = make_draft(10, at=NOON, model="opus")
    reserve(ledger, draft)
    end(ledger, draft, 10, response_model="sonnet")
    assert [spend.key for spend in spend_by(ledger, Scope.MODEL, NOON, NOON + HOUR)] == ["sonnet"]


def test_parts_add_up_to_the_whole(ledger: Ledger) -> None:
    span = timedelta(minutes=100)
    for number in range(40):
        spend_money(ledger, number, at=NOON + number * span / 40, project=str(number % 3))
    whole = spend_between(ledger, NOON, NOON + span).cost_nano_usd

    @given(st.integers(1, 200))
    @settings(max_examples=25)
    def check(minutes: int) -> None:
        edges = [NOON + timedelta(minutes=minutes) * number for number in range(-(-100 // minutes) + 1)]
        assert sum(bucket_spend(ledger, edges).values()) == whole

    check()
    assert sum(spend.cost_nano_usd for spend in spend_by(ledger, Scope.PROJECT, NOON, NOON + span)) == whole


def test_the_busiest_sessions_are_those_that_spent_most_lately(ledger: Ledger) -> None:
    spend_money(ledger, 900, at=NOON - HOUR, session="early", agent="a")
    spend_money(ledger, 500, at=NOON - HOUR, session="both", agent="a", task="t", project="p")
    spend_money(ledger, 20, at=NOON - timedelta(seconds=61), session="both", agent="a", task="t", project="p")
    spend_money(ledger, None, at=NOON - timedelta(seconds=1), session="both", agent="a", task="t", project="p")
    spend_money(ledger, 30, at=NOON, session="lately", agent="a")
    spend_money(ledger, 10, at=NOON - timedelta(minutes=9), agent="script")
    spend_money(ledger, None, at=NOON, agent="unpriced")
    refuse_call(ledger, session="refused")
    refuse_call(ledger, session="both", agent="a", task="t", project="p")

    found = busiest_sessions(ledger, NOON, limit=9)

    assert [(one.session, one.agent) for one in found] == [
        ("lately", "a"), ("both", "a"), ("", "script"), ("", "unpriced"),
    ]  # fmt: skip
    both = found[1]
    assert (both.task, both.project, both.calls, both.cost_nano_usd, both.unpriced_calls) == ("t", "p", 3, 520, 1)
    assert both.last_call_at == NOON - timedelta(seconds=1)
    assert both.series == (0,) * 17 + (20, 0, 0)
    assert found[0].series[-1] == 30
    assert found[2].series[2] == 10
    assert len(busiest_sessions(ledger, NOON, limit=2)) == 2


def test_amounts_beyond_sense_can_still_be_added_up(ledger: Ledger) -> None:
    for _ in range(20):
        spend_money(ledger, 10**40, at=NOON)
    assert spend_between(ledger, NOON, NOON + HOUR).cost_nano_usd == 20 * 10**15
