import json
from dataclasses import replace

import pytest

from app.core.origin import Origin, RequestClass
from app.core.tags import Tags
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call, book_tools_of_a_task

TAGS = Tags(project="shop", agent="claude", task="slow")
AT_LIST_PRICE = 1_000 * 5_000 + 200 * 25_000


@pytest.fixture
def _two_tasks(ledger: Ledger) -> None:
    for _ in range(3):
        book_call(ledger, TAGS, AT_LIST_PRICE)
    book_call(ledger, replace(TAGS, task="quick"), AT_LIST_PRICE)
    book_call(ledger, replace(TAGS, task="", session="s1"), AT_LIST_PRICE + 1)


@pytest.mark.usefixtures("_two_tasks")
def test_a_task_is_explained_in_sentences_and_then_in_figures(bursar: Bursar) -> None:
    out = bursar("explain", "slow", "--against", "quick").out
    assert "slow cost $0.02 more than quick: $0.03 against $0.01." in out
    assert "- $0.02 more for number of calls: 3 calls against 1." in out
    lines = {line.rsplit(maxsplit=1)[0].strip(): line.split()[-1] for line in out.splitlines() if line}
    assert (lines["number of calls"], lines["input length"], lines["difference"]) == ("0.02", "0.00", "0.02")


@pytest.mark.usefixtures("_two_tasks")
def test_the_parts_sum_to_the_difference_against_the_typical_task(bursar: Bursar) -> None:
    told = json.loads(bursar("explain", "slow", "--json").out)
    assert told["tasks_against"] == 2
    assert told["against_nano_usd"] == AT_LIST_PRICE  # half to even
    assert sum(part["nano_usd"] for part in told["parts"]) == told["difference_nano_usd"] == 2 * AT_LIST_PRICE


@pytest.mark.usefixtures("_two_tasks")
def test_a_session_can_be_named_and_what_has_no_price_is_told_beside(bursar: Bursar, ledger: Ledger) -> None:
    book_call(ledger, replace(TAGS, task="", session="s1"), None)
    out = bursar("explain", "s1", "--against", "quick").out
    assert "Without a price, so in no part: 1 of its calls, against 0." in out
    assert "difference" in out
    assert "0.000000001" in out


@pytest.mark.usefixtures("_two_tasks")
def test_sub_agents_stand_under_their_session_and_titles_on_a_line_of_their_own(bursar: Bursar, ledger: Ledger) -> None:
    assert "made of" not in bursar("explain", "slow", "--against", "quick").out
    explore = Origin(RequestClass.SUB_AGENT, "b7", "", "Explore")
    for origin in (explore, explore, Origin(RequestClass.SUB_AGENT, "c8", "b7"), Origin(RequestClass.TITLE)):
        book_call(ledger, TAGS, 10**9, origin=origin)
    out = bursar("explain", "slow", "--against", "quick").out
    rows = out[out.index("What slow was made of") :].splitlines()[1:]
    found = [row for row in rows if row.strip(" ─")]
    assert [row.split() for row in found] == [
        ["main", "3", "$0.03"], ["├", "Explore", "b7", "2", "$2.00"],
        ["│", "├", "sub-agent", "c8", "1", "$1.00"],
        ["titles", "1", "$1.00"],
    ]  # fmt: skip
    family = json.loads(bursar("explain", "slow", "--against", "quick", "--json").out)["family"]
    assert [(line["name"], line["depth"]) for line in family] == [
        ("main", 0), ("Explore b7", 1), ("sub-agent c8", 2), ("titles", None),
    ]  # fmt: skip


def test_what_cannot_be_explained_says_why(bursar: Bursar, ledger: Ledger) -> None:
    assert "made no call" in bursar("explain", "nothing").err
    book_call(ledger, TAGS, 5)
    assert "did no other task" in bursar("explain", "slow").err


@pytest.mark.usefixtures("_two_tasks")
def test_failing_tools_are_told_with_what_followed_them(bursar: Bursar, ledger: Ledger) -> None:
    assert "tool call" not in bursar("explain", "slow", "--against", "quick").out
    book_tools_of_a_task(ledger, TAGS)
    out = bursar("explain", "slow", "--against", "quick").out
    assert "5 tool calls, 2 failed, 2 tried again, 1 with an unknown end." in out
    assert "The calls that followed a failure cost $0.20." in out
    [bash] = [line.split() for line in out.splitlines() if line.startswith("Bash")]
    assert bash == ["Bash", "3", "2", "0", "2", "$0.20"]
    told = json.loads(bursar("explain", "slow", "--against", "quick", "--json").out)
    assert [(tool["name"], tool["failed"]) for tool in told["tools"]] == [
        ("Bash", 2),
        ("Read", 0),
        ("mcp__git__log", 0),
    ]
    assert told["tools_total"]["followed_usd"] == "0.20"
