from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.history import LoggedCall, LogSource
from app.core.tags import Tags
from app.core.usage import Usage
from app.ledger.engine import Ledger
from app.ledger.import_tables import imported_calls
from app.ledger.imported_calls import link_since, link_to_wire, store_calls
from app.ledger.rows import call_columns
from app.ledger.tables import calls

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def metered(call_id: str, *, response_id: str = "", at: datetime = AT, output: int = 50) -> Call:
    return Call(
        call_id=call_id,
        started_at=at,
        provider="google",
        api_shape=ApiShape.GEMINI,
        operation="chat",
        request_model="gemini-2.5-pro",
        tags=Tags(session="s"),
        outcome=Outcome.COMPLETED,
        usage=Usage(input_tokens=1_000, output_tokens=output, cache_read_tokens=800),
        cost_nano_usd=1_000,
        cost_basis=Basis.TABLE,
        response_id=response_id,
        duration_ms=10_000,
    )


def put_on_wire(ledger: Ledger, *made: Call) -> None:
    with ledger.write() as connection:
        connection.execute(insert(calls), [call_columns(call, call.cost_nano_usd or 0) for call in made])


def logged(key: str, *, response_id: str = "", after_s: float = 10, output: int = 50) -> LoggedCall:
    call = metered(key, response_id=response_id, at=AT + timedelta(seconds=after_s), output=output)
    return LoggedCall(LogSource.GEMINI, replace(call, duration_ms=None))


def ties(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as connection:
        rows = connection.execute(select(imported_calls.c.call_id, imported_calls.c.wire_call_id))
        return {key: wire for key, wire in rows if wire}


def test_a_call_is_tied_by_its_response_whichever_came_first(ledger: Ledger) -> None:
    store_calls(ledger, [logged("log-1", response_id="r1", after_s=9_999), logged("log-2", response_id="r2")])
    assert link_since(ledger, BEGINNING) == 0
    put_on_wire(ledger, metered("wire-1", response_id="r1"), metered("wire-3", response_id="r3"))
    assert link_to_wire(ledger, ["log-2"]) == 0
    assert link_since(ledger, AT + timedelta(days=1)) == 0
    assert link_to_wire(ledger, ["log-1"]) == 1
    assert link_since(ledger, BEGINNING) == 0
    assert ties(ledger) == {"log-1": "wire-1"}


@pytest.mark.parametrize(
    ("after_s", "output", "is_tied"),
    [(0, 50, True), (10, 50, True), (60, 50, True), (-4, 50, True), (-6, 50, False), (71, 50, False), (10, 51, False)],
)
def test_a_call_without_a_response_is_tied_by_counts_and_time(
    ledger: Ledger, after_s: float, output: int, is_tied: bool
) -> None:
    put_on_wire(ledger, metered("wire"))
    store_calls(ledger, [logged("log", after_s=after_s, output=output)])
    assert link_since(ledger, BEGINNING) == int(is_tied)


def test_twins_of_equal_counts_are_tied_one_to_one(ledger: Ledger) -> None:
    put_on_wire(ledger, metered("wire-1"), metered("wire-2", at=AT + timedelta(seconds=20)))
    store_calls(ledger, [logged(f"log-{after_s}", after_s=after_s) for after_s in (10, 30, 50)])
    assert link_since(ledger, BEGINNING) == 2
    assert ties(ledger) == {"log-10": "wire-1", "log-30": "wire-2"}


def test_a_known_call_changes_only_when_it_is_told_more_fully(ledger: Ledger) -> None:
    assert store_calls(ledger, [logged("log"), logged("log", output=30)]).known == 1
    grown = store_calls(ledger, [logged("log", output=70), logged("other")])
    assert (grown.new, grown.grown, grown.known) == (1, 1, 0)
    assert store_calls(ledger, [logged("log")]).known == 1
    with ledger.read() as connection:
        told = select(imported_calls.c.output_tokens).where(imported_calls.c.call_id == "log")
        assert connection.execute(told).scalar_one() == 70
