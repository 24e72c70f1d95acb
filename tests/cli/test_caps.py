import json

import pytest

from app.core.tags import Tags
from app.ledger.cap_store import list_caps
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call

TAGS = Tags(project="billing-api", agent="Claude Code")


def test_a_cap_is_added_listed_edited_raised_and_removed(bursar: Bursar, ledger: Ledger) -> None:
    assert "No cap is set" in bursar("caps", "list").out
    added = bursar("caps", "add", "10", "--project", "billing-api", "--time-zone", "Europe/Berlin", "--alert", "50")
    assert added.out == "billing-api, today: $10.00, then calls wait and you are asked.\n"
    book_call(ledger, TAGS, 9_500_000_000)
    [listed] = json.loads(bursar("caps", "list", "--json").out)
    assert (listed["spent_usd"], listed["limit_usd"], listed["level"]) == ("9.50", "10.00", "near")
    assert listed["alert_percents"] == [50]
    identifier = listed["id"][-6:]
    assert identifier in bursar("caps", "list").out
    assert "$12.00 until" in bursar("caps", "raise", identifier, "12").out
    assert json.loads(bursar("caps", "list", "--json").out)[0]["limit_usd"] == "12.00"
    assert list_caps(ledger)[0].limit_nano_usd == 10_000_000_000
    assert (
        "$20.00, then calls are refused"
        in bursar("caps", "edit", "BILLING-API, today", "--limit", "20", "--at-limit", "block").out
    )
    assert bursar("caps", "remove", identifier).status == 0
    assert list_caps(ledger) == []


def test_a_cap_for_everything_needs_no_name(bursar: Bursar, ledger: Ledger) -> None:
    bursar("caps", "add", "100", "--each", "month", "--at-limit", "alert")
    assert bursar("caps", "list", "--json").out.count('"name": "Everything, this month"') == 1


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (["add", "0"], "Not an amount"),
        (["add", "1", "--project", "a", "--agent", "b"], "A cap applies to one thing"),
        (["add", "1", "--project", ""], "Nobody to apply to"),
        (["add", "1", "--time-zone", "Mars/Base"], "No such time zone"),
        (["add", "1", "--alert", "200"], "Not an alert level"),
        (["remove", "nothing"], "There is no cap"),
        (["raise", "abcdef", "5"], "There is no cap"),
    ],
)
def test_what_cannot_be_is_refused_in_words(bursar: Bursar, arguments: list[str], title: str) -> None:
    ran = bursar("caps", *arguments)
    assert (ran.status, ran.err.splitlines()[0]) == (1, title)


def test_the_same_cap_twice_is_refused(bursar: Bursar) -> None:
    bursar("caps", "add", "5")
    assert bursar("caps", "add", "6").err.splitlines()[0] == "Another cap already does this"


def test_a_lower_raise_is_refused(bursar: Bursar) -> None:
    bursar("caps", "add", "5")
    assert bursar("caps", "raise", "Everything, today", "4").err.splitlines()[0] == "Not a raise"
