import json
from datetime import UTC, datetime

import pytest

from app.cli.spend import Since, start_of
from app.core.tags import Billing, Tags
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call

CLAUDE = Tags(project="billing-api", agent="Claude Code", task="fix [red]retry[/red]")
CODEX = Tags(project="web-shop", agent="Codex")


@pytest.fixture
def _some_calls(ledger: Ledger) -> None:
    book_call(ledger, CLAUDE, 1_500_000_000)
    book_call(ledger, CLAUDE, 500_000_001)
    book_call(ledger, CODEX, None, model="no-such-model")


@pytest.mark.usefixtures("_some_calls")
def test_a_script_reads_exact_amounts(bursar: Bursar) -> None:
    told = json.loads(bursar("spend", "--by", "agent", "--since", "today", "--json").out)
    assert told["total"]["cost_usd"] == "2.000000001"
    assert [(group["key"], group["calls"], group["cost_nano_usd"]) for group in told["groups"]] == [
        ("Claude Code", 2, 2_000_000_001),
        ("Codex", 1, 0),
    ]
    assert told["groups"][1]["unpriced_calls"] == 1


@pytest.mark.usefixtures("_some_calls")
def test_a_person_reads_a_table_where_the_unknown_is_not_nothing(bursar: Bursar) -> None:
    lines = bursar("spend", "--by", "project").out.splitlines()
    assert "$2.00" in next(line for line in lines if line.startswith("billing-api"))
    assert "—" in next(line for line in lines if line.startswith("web-shop"))
    assert "$2.00+" in next(line for line in lines if line.startswith("All, this month"))


def test_what_a_subscription_paid_for_stands_in_a_column_of_its_own(bursar: Bursar, ledger: Ledger) -> None:
    assert "Subscription" not in bursar("spend").out
    book_call(ledger, CLAUDE, 1_500_000_000)
    book_call(ledger, CLAUDE, 4_000_000_000, billing=Billing.SUBSCRIPTION)
    ran = bursar("spend")
    for name in ("billing-api", "All, this month"):
        line = next(line for line in ran.out.splitlines() if line.startswith(name))
        assert line.split()[-2:] == ["$1.50", "($4.00)"]
    assert "not in the cost" in ran.err
    told = json.loads(bursar("spend", "--json").out)["total"]
    assert (told["cost_usd"], told["subscription_usd"], told["subscription_calls"]) == ("1.50", "4.00", 1)


@pytest.mark.usefixtures("_some_calls")
def test_a_label_is_shown_as_it_is(bursar: Bursar) -> None:
    assert "fix [red]retry[/red]" in bursar("spend", "--by", "task").out


def test_an_empty_ledger_says_so(bursar: Bursar) -> None:
    ran = bursar("spend", "--since", "week")
    assert (ran.status, ran.out) == (0, "Nothing was spent this week.\n")


@pytest.mark.parametrize(
    ("since", "start"),
    [
        (Since.TODAY, "2026-11-20T23:00:00+00:00"),
        (Since.WEEK, "2026-11-15T23:00:00+00:00"),
        (Since.MONTH, "2026-10-31T23:00:00+00:00"),
        (Since.ALL, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_periods_begin_by_the_calendar_of_the_zone(since: Since, start: str) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert start_of(since, now, "Europe/Berlin").isoformat() == start
