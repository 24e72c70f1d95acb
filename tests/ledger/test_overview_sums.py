from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from app.core.call import Basis, Call, Outcome
from app.core.spend_group import SpendGroup
from app.core.tags import Billing, Tags
from app.core.usage import Usage
from app.ledger.engine import Ledger, open_ledger
from app.ledger.overview_sums import agents_by_first_call, bucket_spend, spend_groups, task_costs
from app.ledger.rollup import roll_up
from app.ledger.rows import call_columns
from app.ledger.tables import calls
from tests.ledger.bookkeeping import make_call, make_draft

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def put(ledger: Ledger, made: list[Call]) -> None:
    with ledger.write() as connection:
        for call in made:
            connection.execute(insert(calls), call_columns(call, call.cost_nano_usd or 0))


def rolled(ledger: Ledger, most: int) -> None:
    with ledger.write() as connection:
        roll_up(connection, most)


def made(
    cost: int | None, at: datetime = NOON, *, tags: Tags | None = None, billing: Billing = Billing.API, **more: Any
) -> Call:
    draft = make_draft(5, at=at, tags=tags or Tags(agent="a"), billing=billing)
    basis = Basis.UNPRICED if cost is None else Basis.TABLE
    return make_call(draft, cost, cost_basis=basis, **more)


@st.composite
def some_calls(draw: st.DrawFn) -> list[Call]:
    """Up to a dozen calls of three agents in two hours, sent or not, by the API or a subscription."""
    return [
        made(
            draw(st.none() | st.integers(0, 10**9)),
            NOON + draw(st.integers(0, 7_199)) * timedelta(seconds=1),
            tags=Tags(agent=draw(st.sampled_from(("", "a", "b"))), task=draw(st.sampled_from(("", "t")))),
            billing=draw(st.sampled_from(Billing)),
            outcome=draw(st.sampled_from(Outcome)),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]


@given(
    some_calls(), st.integers(0, 12), st.sampled_from(((0, 15, 60, 75, 120), (0, 30, 60, 90, 120), (0, 7, 14, 60, 120)))
)
@settings(max_examples=40)
def test_buckets_hold_what_their_calls_cost(some: list[Call], most: int, minutes: tuple[int, ...]) -> None:
    edges = [NOON + minute * MINUTE for minute in minutes]
    expected: Counter[tuple[str, int]] = Counter()
    for call in some:
        if call.billing is Billing.API and call.outcome is not Outcome.REFUSED:
            place = next(n for n, (begun, ended) in enumerate(pairwise(edges)) if begun <= call.started_at < ended)
            expected[call.tags.agent, place] += call.cost_nano_usd or 0
    with TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder) / "ledger.sqlite")
        put(ledger, some)
        rolled(ledger, most)
        found = bucket_spend(ledger, edges)
        groups = spend_groups(ledger, edges[0], edges[-1])
        ledger.close()
    assert found == {key: cost for key, cost in expected.items() if cost}
    assert sum(one.cost_nano_usd for one in groups) == sum(expected.values())


@pytest.mark.parametrize("most", [0, 10])
def test_a_group_holds_what_agrees_in_all_labels(ledger: Ledger, most: int) -> None:
    tags = Tags("p", "a", "ann", "core", "t")
    usage = Usage(100, 50, 10, 20, 5, 30, web_searches=2)
    kinds = (made(7, tags=tags, usage=usage), made(5, tags=tags, usage=usage), made(None, tags=tags))
    others = (
        made(9, tags=tags, outcome=Outcome.REFUSED),
        made(9, tags=tags, billing=Billing.SUBSCRIPTION),
        made(9, NOON - MINUTE, tags=tags),
    )
    put(ledger, [*kinds, *others])
    rolled(ledger, most)
    [found] = spend_groups(ledger, NOON, NOON + MINUTE)
    assert found == SpendGroup("a", "p", "core", "ann", "anthropic", "opus", 12, 1, *found_tokens(kinds))


def found_tokens(some: tuple[Call, ...]) -> list[int]:
    usages = [call.usage for call in some]
    return [
        sum(getattr(usage, name) or 0 for usage in usages)
        for name in (
            *("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens"),
            *("reasoning_tokens", "web_searches"),
        )
    ]


def test_tasks_are_labels_or_sessions_and_those_without_a_price_are_unknown(ledger: Ledger) -> None:
    put(
        ledger,
        [
            made(5, tags=Tags(agent="a", task="t", session="1")),
            made(6, tags=Tags(agent="a", task="t", session="2")),
            made(7, tags=Tags(agent="b", task="t")),
            made(8, tags=Tags(agent="a", session="1")),
            made(9, tags=Tags(agent="a")),
            made(None, tags=Tags(agent="a", task="unpriced")),
            made(0, tags=Tags(agent="a", task="free")),
        ],
    )
    assert sorted(task_costs(ledger, NOON, NOON + MINUTE)) == [0, 7, 8, 11]


def test_agents_stand_in_the_order_they_were_first_seen(ledger: Ledger) -> None:
    put(ledger, [made(1, NOON + place * MINUTE, tags=Tags(agent=name)) for place, name in enumerate("cabac")])
    put(ledger, [made(1, NOON - MINUTE, tags=Tags(agent="plan"), billing=Billing.SUBSCRIPTION)])
    rolled(ledger, 2)
    assert agents_by_first_call(ledger, NOON + timedelta(hours=1)) == ["c", "a", "b"]
