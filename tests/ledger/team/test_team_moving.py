"""Moving a laptop's calls into a team's ledger and back keeps every call, row by row."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.core.call import Outcome
from app.core.origin import Origin, RequestClass
from app.core.tags import Billing
from app.core.team import Asked
from app.core.usage import Usage
from app.core.windows import Window
from app.ledger.engine import Ledger, open_ledger
from app.ledger.settlement import write_refused
from app.ledger.tables import calls
from app.ledger.team import moving
from app.ledger.team.ledger import TeamLedger
from app.ledger.verification import verify_ledger
from tests.ledger import bookkeeping
from tests.ledger.bookkeeping import make_call, make_draft, money_in, spend_money
from tests.ledger.team.conftest import Team
from tests.ledger.team.test_team_ledger import ended, money, set_cap

LONG_AGO = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def all_calls(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.read() as connection:
        rows = connection.execute(select(calls).order_by(calls.c.call_id)).mappings().all()
    return [{name: row[name] for name in moving.COLUMNS} for row in rows]


def fill(ledger: Ledger, number: int) -> None:
    """Calls of every kind: priced, unpriced, refused, cut, with all that a provider can say."""
    for place in range(number):
        draft = make_draft(
            100, at=LONG_AGO + timedelta(hours=place), session=f"s{place % 7}|\\", project="pröject", agent="a",
            user="who", origin=Origin(RequestClass.SUB_AGENT, "1", "0", "Explore"), billing=list(Billing)[place % 2],
        )  # fmt: skip
        bookkeeping.reserve(ledger, draft)
        usage = Usage(input_tokens=10**15, output_tokens=place, reported_cost_nano_usd=0, web_searches=2)
        values: dict[str, Any] = {"usage": usage, "status_code": 200, "duration_ms": place, "response_model": "opus-4"}
        bookkeeping.end(ledger, draft, None if place % 3 == 0 else place, is_certain=place % 5 > 0, **values)
    with ledger.write() as connection:
        write_refused(connection, make_call(make_draft(1), 0, outcome=Outcome.REFUSED, error_type="cap"))


def test_every_call_goes_in_and_comes_back_out_as_it_was(
    ledger: Ledger, ann: TeamLedger, lee: TeamLedger, tmp_path: Path
) -> None:
    fill(ledger, 40)
    cap = set_cap(lee, 1000)
    before = all_calls(ledger)
    paged = moving.PAGE
    try:
        moving.PAGE = 16
        assert moving.move_calls_in(ledger, ann) == 41
        assert moving.move_calls_in(ledger, ann) == 0
        other = open_ledger(tmp_path / "other.sqlite")
        own_cap = bookkeeping.set_cap(other, 10**6, window=Window.TOTAL)
        assert moving.move_calls_out(ann, other) == 41
        assert moving.move_calls_out(ann, other) == 0
    finally:
        moving.PAGE = paged

    assert all_calls(other) == before
    assert verify_ledger(other).differences == ()
    assert money_in(other, own_cap)[0] == sum(row["charged_nano_usd"] for row in before if row["billing"] == "api")
    assert money(lee, cap) == (0, 0), "what was spent before counts in none of the team's caps"
    assert moving.move_calls_out(lee, other) == 0, "they are ann's"
    other.close()


def test_a_call_that_was_moved_in_on_its_way_is_charged_when_its_end_is_told(
    ledger: Ledger, ann: TeamLedger, lee: TeamLedger
) -> None:
    cap = set_cap(lee, 1000)
    draft = spend_money(ledger, 30, worst=50)
    ann.reserve([Asked(draft, "m")])
    assert moving.move_calls_in(ledger, ann) == 1
    assert money(lee, cap) == (0, 50)

    ann.settle([ended(draft, 30)])

    assert money(lee, cap) == (30, 0)
    lee.set_cap(cap)
    assert money(lee, cap) == (30, 0), "counted anew it is the same"


def test_a_teams_calls_have_all_that_a_laptops_have(team: Team) -> None:
    """A column that a migration gives to a laptop's calls has to come to a team's as well."""
    with team.site.cluster.connect(team.database) as server:
        rows = server.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'bursar.calls'::regclass AND attnum > 0"
        ).fetchall()

    assert set(moving.COLUMNS) | {"row_id", "member", "state", "charged_at"} == {str(row[0]) for row in rows}
