import json

import pytest

from app.core.caps import Answer, Hold
from app.core.tags import Billing, Scope, Tags
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


def test_a_cap_takes_a_session_a_way_to_hold_and_a_default_answer(bursar: Bursar, ledger: Ledger) -> None:
    told = bursar(
        "caps", "add", "5", "--each", "week", "--session", "*", "--week-start", "sunday", "--hold", "learned",
        "--answer", "refuse", "--answer-after", "90", "--time-zone", "UTC",
    )  # fmt: skip
    assert told.status == 0
    [cap] = list_caps(ledger)
    assert (cap.scope, cap.week_start, cap.hold) == (Scope.SESSION, 6, Hold.LEARNED)
    assert (cap.default_answer, cap.answer_after_s) == (Answer.REFUSE, 90)
    bursar("caps", "edit", cap.cap_id, "--hold", "strict", "--no-answer")
    [cap] = list_caps(ledger)
    assert (cap.hold, cap.default_answer, cap.answer_after_s, cap.week_start) == (Hold.STRICT, None, None, 6)
    assert bursar("caps", "edit", cap.cap_id, "--answer", "approve").status == 1


def test_a_dry_run_stops_nothing_and_shows_what_it_would_have_stopped(bursar: Bursar, ledger: Ledger) -> None:
    assert "nothing is stopped" in bursar("caps", "add", "1", "--at-limit", "block", "--dry-run").out
    book_call(ledger, TAGS, 900_000_000)
    [cap] = list_caps(ledger)
    assert "Would have stopped no call" in bursar("caps", "show", cap.cap_id).out
    book_call(ledger, TAGS, 900_000_000)
    shown = bursar("caps", "show", cap.cap_id).out
    assert "Would have stopped 1 calls" in shown
    assert "Claude Code" in shown
    told = json.loads(bursar("caps", "show", cap.cap_id, "--json").out)
    assert (told["dry_run"], told["would_have_stopped"], told["spent_usd"]) == (True, 1, "1.80")
    bursar("caps", "edit", cap.cap_id, "--in-force")
    assert not list_caps(ledger)[0].is_dry_run


def test_a_cap_is_raised_by_an_amount_for_some_hours(bursar: Bursar, ledger: Ledger) -> None:
    bursar("caps", "add", "10", "--each", "total", "--time-zone", "UTC")
    [cap] = list_caps(ledger)
    assert "$12.50 until" in bursar("caps", "raise", cap.cap_id, "--by", "2.50", "--hours", "2").out
    assert "Raised by $2.50 until" in bursar("caps", "show", cap.cap_id).out
    assert bursar("caps", "raise", cap.cap_id).status == 1
    assert bursar("caps", "raise", cap.cap_id, "3").status == 1


def test_a_cap_counts_what_a_subscription_pays_for_only_when_told_to(bursar: Bursar, ledger: Ledger) -> None:
    bursar("caps", "add", "10", "--each", "month")
    book_call(ledger, TAGS, 2_000_000_000, billing=Billing.SUBSCRIPTION)
    book_call(ledger, TAGS, 1_000_000_000)
    [listed] = json.loads(bursar("caps", "list", "--json").out)
    assert (listed["counts_subscriptions"], listed["spent_usd"]) == (False, "1.00")
    for option, spent in (("--subscriptions", "3.00"), ("--money-only", "1.00")):
        bursar("caps", "edit", listed["id"], option)
        assert json.loads(bursar("caps", "list", "--json").out)[0]["spent_usd"] == spent
    bursar("caps", "remove", listed["id"])
    assert "a subscription pays" in bursar("caps", "add", "10", "--each", "month", "--subscriptions").out
    assert json.loads(bursar("caps", "list", "--json").out)[0]["spent_usd"] == "3.00"
    assert bursar("ledger", "verify").status == 0
