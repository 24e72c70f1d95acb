import json
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.cli.review import chosen_monday
from app.core.call import Outcome
from app.core.errors import InvalidInput
from app.core.origin import Origin, RequestClass
from app.core.tags import Tags
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call, book_tools_of_a_task

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_week_is_told_in_each_format(bursar: Bursar, ledger: Ledger) -> None:
    for cost in (1_000_000_000, 500_000_000, None):
        book_call(ledger, Tags(project="shop", agent="claude", task="fix <b>retry</b>"), cost)
    book_call(ledger, Tags(project="shop", agent="claude", session="s"), 250_000_000)
    book_call(ledger, Tags(agent="claude"), 1)
    text = bursar("review").out
    assert "2 tasks, 5 calls, $1.75+; nothing the week before." in text
    assert "On average a task took $0.88 and 2.0 calls." in text
    assert "$1.50: fix <b>retry</b> (claude in shop), 3 calls to claude-opus-4-8." in text
    assert "Outside of any task or session: 1 call." in text
    assert "<b>" not in bursar("review", "--format", "html").out
    assert bursar("review", "--format", "md").out.startswith("# Week ")
    told = json.loads(bursar("review", "--format", "json").out)
    assert (told["now"]["tasks"], told["top"][0]["cost_nano_usd"], told["week"][4:6]) == (2, 1_500_000_000, "-W")


def test_what_went_to_sub_agents_and_titles_is_told(bursar: Bursar, ledger: Ledger) -> None:
    tags = Tags(agent="claude", task="t")
    book_call(ledger, tags, 10**9)
    assert "Of it" not in bursar("review").out
    for agent_id in ("a", "b"):
        book_call(ledger, tags, 250_000_000, origin=Origin(RequestClass.SUB_AGENT, agent_id))
    book_call(ledger, tags, 4_200_000, origin=Origin(RequestClass.TITLE))
    out = bursar("review").out
    assert "Of it: $0.50 for sub-agents (2 calls), $0.0042 for titles (1 call)." in out


def test_failing_tools_of_the_week_are_told(bursar: Bursar, ledger: Ledger) -> None:
    book_call(ledger, Tags(agent="claude", task="t"), 10**9)
    assert "Tools" not in bursar("review").out
    book_tools_of_a_task(ledger, Tags(agent="claude", task="t", session="s", virtual_key_id="k"))
    out = bursar("review").out
    assert "5 tool calls, 2 failed, 2 tried again, 1 with an unknown end." in out
    assert "The calls that followed a failure cost $0.20." in out
    assert [line.split() for line in out.splitlines() if line.startswith(("Bash", "Read", "log"))] == [
        ["Bash", "3", "2", "0", "2", "$0.20"]
    ]
    assert json.loads(bursar("review", "--format", "json").out)["tools"]["total"]["failed"] == 2


def test_a_week_without_calls_says_so(bursar: Bursar) -> None:
    out = bursar("review", "--week", "2026-w05").out
    assert out == "Week 2026-W05\n=============\n\n0 tasks, 0 calls, $0.00; nothing the week before.\n"


def test_a_week_is_named_by_its_number_or_by_now() -> None:
    now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert chosen_monday("2026-W47", now, BERLIN) == date(2026, 11, 16)
    assert chosen_monday("", now, BERLIN) == date(2026, 11, 23)
    for week in ("47", "2026-W60", "2026-11-16"):
        with pytest.raises(InvalidInput, match="like 2026-W47"):
            chosen_monday(week, now, BERLIN)


def test_a_suggestion_is_answered_by_its_number_and_taken_back(bursar: Bursar, ledger: Ledger) -> None:
    book_call(ledger, Tags(agent="claude", task="t"), 10**9, outcome=Outcome.FAILED)
    words = "1. $1.00 went to 1 call that failed"
    assert words in bursar("review").out
    assert "There is no suggestion 2" in bursar("review", "decline", "2").err
    assert bursar("review", "reopen").out == "No suggestion was answered.\n"
    assert bursar("review", "decline", "1").out.startswith("Not suggested again: Send fewer calls that fail")
    assert words not in bursar("review").out
    assert "declined" in bursar("review", "reopen").out
    assert bursar("review", "reopen", "1").out.startswith("Suggested again where it is worth it: Send fewer")
    assert bursar("review", "done", "1").out.startswith("Done: Send fewer calls that fail")
    assert "It saved $0.00 of $1.00 a week." in bursar("review").out
