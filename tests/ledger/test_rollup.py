from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from app.core.call import Basis, Call, Outcome
from app.core.origin import Origin, RequestClass
from app.core.tags import Billing, Scope, Tags
from app.core.usage import Usage
from app.ledger.call_sums import call_sums
from app.ledger.engine import Ledger, open_ledger
from app.ledger.instants import QUARTER
from app.ledger.origin_sums import purposes_between
from app.ledger.overview_sums import bucket_spend, spend_groups, task_costs
from app.ledger.rollup import roll_up, roll_up_again, rolled_up, rollups
from app.ledger.rows import call_columns
from app.ledger.spend import spend_between, spend_by
from app.ledger.summed_calls import quarter_hours
from app.ledger.tables import calls
from tests.ledger.bookkeeping import make_call, make_draft

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPAN = 3 * QUARTER // timedelta(minutes=1)


def put(ledger: Ledger, made: list[Call]) -> None:
    with ledger.write() as connection:
        for call in made:
            connection.execute(insert(calls), call_columns(call, call.cost_nano_usd or 0))


def rolled(ledger: Ledger, most: int) -> int:
    with ledger.write() as connection:
        return roll_up(connection, most)


@st.composite
def some_calls(draw: st.DrawFn) -> list[Call]:
    """Up to a dozen calls in three quarters of an hour, all kinds of them."""
    return [
        make_call(
            make_draft(
                5,
                at=NOON + timedelta(minutes=draw(st.integers(0, SPAN - 1))),
                tags=Tags(task=draw(st.sampled_from(("", "t"))), session=draw(st.sampled_from(("", "s")))),
                model=draw(st.sampled_from(("opus", "haiku"))),
                billing=draw(st.sampled_from(Billing)),
                origin=Origin(draw(st.sampled_from(RequestClass))),
            ),
            (cost := draw(st.none() | st.integers(0, 10**12))),
            cost_basis=Basis.UNPRICED if cost is None else draw(st.sampled_from((Basis.TABLE, Basis.ESTIMATED))),
            outcome=draw(st.sampled_from(Outcome)),
            usage=Usage(draw(st.none() | st.integers(0, 99)), 1, cache_read_tokens=draw(st.none() | st.just(3))),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]


def everything_asked(ledger: Ledger, start: datetime, end: datetime) -> list[object]:
    """Every question that reads sums, over one stretch of time."""
    return [
        spend_between(ledger, start, end),
        *(spend_by(ledger, scope, start, end) for scope in Scope),
        bucket_spend(ledger, [NOON + number * QUARTER for number in range(4)]),
        sorted(spend_groups(ledger, start, end), key=repr),
        sorted(task_costs(ledger, start, end)),
        sorted(call_sums(ledger, start, end), key=repr),
        sorted(purposes_between(ledger, start, end), key=repr),
        sorted(quarter_hours(ledger, Scope.TASK, start, end)),
    ]


@given(some_calls(), st.integers(0, 12), st.integers(0, SPAN), st.integers(0, SPAN))
@settings(max_examples=40)
def test_sums_answer_as_the_calls_do_however_many_are_rolled_up(
    made: list[Call], most: int, start: int, length: int
) -> None:
    begun = NOON + timedelta(minutes=start)
    span = begun, begun + timedelta(minutes=length)
    with TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder) / "ledger.sqlite")
        put(ledger, made[:6])
        rolled(ledger, most)
        put(ledger, made[6:])
        in_part = everything_asked(ledger, *span)
        rolled(ledger, most)
        in_whole = everything_asked(ledger, *span)
        with ledger.write() as connection:
            connection.execute(delete(rollups))
            connection.execute(update(rolled_up).values(through_row_id=0))
        by_calls = everything_asked(ledger, *span)
        ledger.close()
    assert in_part == by_calls
    assert in_whole == by_calls


def test_calls_are_rolled_up_in_order_and_each_once(ledger: Ledger) -> None:
    put(ledger, [make_call(make_draft(5, at=NOON), 10) for _ in range(5)])
    assert [rolled(ledger, 2) for _ in range(4)] == [2, 2, 1, 0]
    with ledger.read() as connection:
        [row] = connection.execute(select(rollups)).all()
    assert (row.number, row.cost_nano_usd, row.first_at) == (5, 50, NOON)


def test_sums_can_be_derived_again(ledger: Ledger) -> None:
    put(ledger, [make_call(make_draft(5, at=NOON), 10) for _ in range(3)])
    rolled(ledger, 2)
    with ledger.write() as connection:
        connection.execute(update(rollups).values(cost_nano_usd=999))
        roll_up_again(connection)
    assert spend_between(ledger, NOON, NOON + QUARTER).cost_nano_usd == 30
    assert rolled(ledger, 10) == 0
