"""Tool calls put into a ledger as the meter would."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.call import Call
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome, ToolResult, ToolUse
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.settlement import settle
from app.ledger.tool_booking import ToolNews, book_tools
from tests.ledger.bookkeeping import make_call, make_draft, reserve

START = datetime(2026, 11, 22, 9, tzinfo=UTC)


def use(name: str, arguments: str = "{}", provider_id: str = "", **values: Any) -> ToolUse:
    digest = hashlib.sha256(arguments.encode()).digest()
    return ToolUse(name, provider_id, digest, len(arguments.encode()), **values)


def result(
    provider_id: str, outcome: ToolOutcome = ToolOutcome.SUCCEEDED, *, name: str = "", size: int = 9
) -> ToolResult:
    return ToolResult(provider_id, name, outcome, size)


def book_call(
    ledger: Ledger,
    *uses: ToolUse,
    results: Sequence[ToolResult] = (),
    hosted: Sequence[ToolResult] = (),
    tags: Tags | None = None,
    cost: int | None = 100,
    at: datetime = START,
    took: timedelta = timedelta(seconds=2),
) -> Call:
    """One call from beginning to end, and what it told of tools."""
    draft = make_draft(cost, at=at, tags=tags or Tags(session="s", virtual_key_id="k", agent="a", project="p"))
    assert reserve(ledger, draft).is_admitted
    call = replace(make_call(draft, cost), duration_ms=took // timedelta(milliseconds=1))
    news = ToolNews(tuple(results), uses, tuple(hosted), at + took)
    with ledger.write() as connection:
        assert settle(connection, read_caps(connection), call, at + took)
        book_tools(ledger, connection, call, news)
    return call
