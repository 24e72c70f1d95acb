"""What calls sent again, as it is written and read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.call_input import CallInput, ChosenCalls, MissCause, ToolDefinition
from app.core.tags import Tags
from app.ledger.call_input_store import (
    calls_named,
    defined_tools,
    input_of_call,
    input_sums,
    worst_sessions,
    write_call_input,
)
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.settlement import settle
from tests.ledger.bookkeeping import make_call, make_draft, reserve
from tests.ledger.tooling import book_call, use

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
ALL = ChosenCalls(START - timedelta(days=1), START + timedelta(days=1))
READ, WRITE = ToolDefinition("Read", 300), ToolDefinition("Write", 100)


def book_input(ledger: Ledger, at: datetime = START, tags: Tags | None = None, **values: Any) -> CallInput:
    draft = make_draft(100, at=at, tags=tags or Tags(session="s", agent="a", project="p", virtual_key_id="k"))
    assert reserve(ledger, draft).is_admitted
    told = CallInput(draft.call_id, **{"input_tokens": 1_000} | values)
    with ledger.write() as connection:
        settle(connection, read_caps(connection), make_call(draft, 100), at)
        write_call_input(connection, make_call(draft, 100), told)
    return told


def missed(cause: MissCause, lost: int | None, tokens: int = 500, block: str = "") -> dict[str, Any]:
    values = {"resent_tokens": tokens, "missed_tokens": tokens, "lost_nano_usd": lost}
    return values | {"cause": cause, "changed_block": block}


def test_an_input_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    told = book_input(
        ledger,
        **missed(MissCause.TOOLS, 70, block="tools: +Write"),
        tool_tokens=40,
        tool_nano_usd=4,
        tools=(READ, WRITE),
    )
    assert input_of_call(ledger, told.call_id) == told
    unpriced = book_input(ledger, **missed(MissCause.EXPIRED, None), tool_nano_usd=None)
    assert input_of_call(ledger, unpriced.call_id) == unpriced
    assert input_of_call(ledger, "none") is None


@pytest.mark.parametrize(
    "values",
    [
        {"resent_tokens": 1_001},
        {"resent_tokens": 5, "read_tokens": 3, "missed_tokens": 3},
        {"tool_tokens": 1_001},
        {"read_tokens": -1},
    ],
)
def test_a_part_larger_than_its_whole_is_no_input(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="larger than the whole"):
        CallInput("c", 1_000, **values)  # type: ignore[arg-type]


def test_sums_are_told_by_cause_the_dearest_first(ledger: Ledger) -> None:
    book_input(ledger)
    book_input(ledger, **missed(MissCause.EXPIRED, 50))
    book_input(ledger, **missed(MissCause.SYSTEM, 40, block="system"))
    book_input(ledger, **missed(MissCause.SYSTEM, 30, block="system"))
    book_input(ledger, **missed(MissCause.UNKNOWN, None))
    book_input(ledger, at=START - timedelta(days=2), **missed(MissCause.MODEL, 1_000))
    sums = input_sums(ledger, ALL)
    assert (sums.calls, sums.input_tokens, sums.missed_tokens) == (5, 5_000, 2_000)
    assert (sums.lost_nano_usd, sums.unpriced_calls) == (120, 1)
    assert [(one.cause, one.calls, one.lost_nano_usd) for one in sums.causes] == [
        (MissCause.SYSTEM, 2, 70),
        (MissCause.EXPIRED, 1, 50),
        (MissCause.UNKNOWN, 1, 0),
    ]


def test_only_the_calls_that_are_meant_are_summed(ledger: Ledger) -> None:
    mine = Tags(session="mine", agent="codex", project="shop", task="fix", virtual_key_id="key")
    book_input(ledger, tags=mine, **missed(MissCause.EXPIRED, 50))
    book_input(ledger, tags=Tags(session="other"), **missed(MissCause.EXPIRED, 7))
    for label in ("session", "agent", "project", "task", "virtual_key_id"):
        chosen = ChosenCalls(ALL.start, ALL.end, **{label: getattr(mine, label)})
        assert input_sums(ledger, chosen).lost_nano_usd == 50
    assert input_sums(ledger, ChosenCalls(ALL.start, ALL.end, session="none")).calls == 0


def test_a_name_is_a_task_or_else_a_session(ledger: Ledger) -> None:
    book_input(ledger, tags=Tags(task="fix", session="s1"))
    book_input(ledger, tags=Tags(session="fix"))
    assert calls_named(ledger, "fix", ALL) == ChosenCalls(ALL.start, ALL.end, task="fix")
    assert calls_named(ledger, "s1", ALL) == ChosenCalls(ALL.start, ALL.end, session="s1")
    assert calls_named(ledger, "nothing", ALL) is None


def test_the_worst_sessions_say_what_they_lost_most_to(ledger: Ledger) -> None:
    one, two = Tags(session="one", agent="a"), Tags(session="two", agent="b")
    book_input(ledger, tags=one, **missed(MissCause.TOOLS, 30, block="tools: +x"))
    book_input(ledger, tags=one, **missed(MissCause.TOOLS, 30, block="tools: reordered"))
    book_input(ledger, tags=one, **missed(MissCause.TOOLS, 10, block="tools: reordered"))
    book_input(ledger, tags=one, **missed(MissCause.EXPIRED, 50))
    book_input(ledger, tags=two, **missed(MissCause.EXPIRED, 200))
    book_input(ledger, tags=Tags(), **missed(MissCause.EXPIRED, 999))
    book_input(ledger, tags=Tags(session="free"), **missed(MissCause.NOT_ASKED, 0))
    found = worst_sessions(ledger, ALL)
    assert [(loss.session, loss.lost_nano_usd, loss.calls) for loss in found] == [("two", 200, 1), ("one", 120, 4)]
    assert (found[1].cause, found[1].changed_block) == (MissCause.TOOLS, "tools: reordered")
    assert len(worst_sessions(ledger, ALL, limit=1)) == 1


def test_what_defines_tools_is_shared_by_size_and_set_beside_their_use(ledger: Ledger) -> None:
    for _ in range(2):
        book_input(ledger, tool_tokens=400, tool_nano_usd=80, tools=(READ, WRITE))
    book_input(ledger, tool_tokens=100, tool_nano_usd=None, tools=(WRITE,))
    book_input(ledger, tools=(ToolDefinition("github", 50),))
    book_call(ledger, use("Read"), use("Read", "{1}"), use("Bash"), use("log", server="github"))
    read, write, server = defined_tools(ledger, ALL)
    assert (server.name, server.uses) == ("github", 1)
    assert (read.name, read.calls, read.tokens, read.nano_usd, read.uses) == ("Read", 2, 600, 120, 2)
    assert (write.name, write.calls, write.tokens, write.nano_usd, write.uses) == ("Write", 3, 300, 40, 0)
    assert defined_tools(ledger, ChosenCalls(ALL.start, ALL.end, session="none")) == ()
