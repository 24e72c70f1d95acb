"""How long the Sessions page's readings take in a ledger of a million calls in fifty thousand sessions.

`python -m tests.bench_sessions [--calls 1000000] [--sessions 50000] [--keep FOLDER]` fills a ledger by plain inserts,
then prints the median of five runs of each reading, in milliseconds. The last tenth of the calls belongs to a hundred
sessions that run side by side, one of which is a script that names no session.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.origin import Origin, RequestClass
from app.core.session import Session, SessionFilter
from app.core.tags import Scope, Tags
from app.core.usage import Usage
from app.desktop.session_reading import read_call, read_calls, read_list
from app.desktop.session_watch import PAGE
from app.ledger.engine import Ledger, open_ledger
from app.ledger.rows import call_columns
from app.ledger.session_calls import CallOrder, CallWish
from app.ledger.session_list import PageWish, look_at_sessions
from app.ledger.tables import calls
from app.services.explanations import Against, explain_session
from tests.bench_insight import median_s

END = datetime(2026, 11, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
RUNS = 5
_AGENTS = ("Claude Code", "Codex", "Gemini CLI", "nightly")
_RUNNING = 100


def made_calls(count: int, sessions: int) -> Iterator[dict[str, Any]]:
    """Calls over a year, as rows: sessions one after the other, a dozen at a time, then a hundred at once."""
    chance = Random(7)
    each = max(1, count // sessions)
    for number in range(count):
        is_late = number > count * 9 // 10
        session = sessions - chance.randrange(_RUNNING) if is_late else number // each + chance.randrange(12)
        is_untold = session == sessions
        origin = Origin(RequestClass.SUB_AGENT, f"a{session % 3}", "", "Explore") if number % 5 == 0 else Origin()
        given, made = chance.randrange(1_000, 100_000), chance.randrange(10, 4_000)
        call = Call(
            call_id=f"{number:032x}",
            started_at=END - YEAR + YEAR * number / count,
            provider="anthropic",
            api_shape=ApiShape.ANTHROPIC_MESSAGES,
            operation="chat",
            request_model="claude-opus-4-8",
            tags=Tags(
                project=f"project {session % 12}",
                agent=_AGENTS[session % 4],
                task="" if is_untold else f"task {session}",
                session="" if is_untold else f"s-{session}",
            ),
            outcome=Outcome.FAILED if number % 97 == 0 else Outcome.COMPLETED,
            usage=Usage(input_tokens=given, output_tokens=made, cache_read_tokens=given // 2),
            cost_nano_usd=given * 5_000 + made * 25_000,
            cost_basis=Basis.TABLE,
            response_model="claude-opus-4-8",
            origin=origin,
        )
        yield call_columns(call, call.cost_nano_usd or 0)


def fill(ledger: Ledger, count: int, sessions: int) -> None:
    """Write the calls."""
    for some in batched(made_calls(count, sessions), 20_000):
        with ledger.write() as connection:
            connection.execute(insert(calls), list(some))


def questions(ledger: Ledger) -> dict[str, Callable[[], object]]:
    """Each reading by its name."""
    first = look_at_sessions(ledger, SessionFilter(), page=PageWish(PAGE))
    assert first.page is not None
    known = frozenset(one.id for one in first.page.sessions)
    long = max(first.page.sessions, key=lambda one: one.whole.calls)
    short = list_page(ledger, SessionFilter("task 20000"))[0]
    newest = read_calls(ledger, short.id, CallWish(), 1).found.calls[0]

    def page(wanted: SessionFilter) -> Callable[[], object]:
        return lambda: list_page(ledger, wanted)

    def news(back: int) -> Callable[[], object]:
        seen, zone = first.news.seen - back, ZoneInfo("UTC")
        return lambda: read_list(ledger, SessionFilter(), seen, known, None, END, zone, lambda: True)

    return {
        "first page": page(SessionFilter()),
        "next page": lambda: look_at_sessions(
            ledger, SessionFilter(), page=PageWish(PAGE, first.page.reached if first.page else None, known)
        ),
        "news, nothing new": news(0),
        "news, 100 new calls": news(100),
        "search, found among the newest": page(SessionFilter("task 49990")),
        "search, found far back": page(SessionFilter("task 77")),
        "search, found nowhere": page(SessionFilter("nowhere at all")),
        "one agent": page(SessionFilter(labels=((Scope.AGENT, "Codex"),))),
        f"calls of a session of {short.whole.calls}": lambda: read_calls(ledger, short.id, CallWish(), 200),
        f"calls of a session of {long.whole.calls}": lambda: read_calls(ledger, long.id, CallWish(), 200),
        "the same by input": lambda: read_calls(ledger, long.id, CallWish(order=CallOrder.INPUT), 200),
        "one call": lambda: read_call(ledger, newest, is_imported=False),
        "explain against the typical task": lambda: explain_session(ledger, short, Against.TYPICAL),
    }


def list_page(ledger: Ledger, wanted: SessionFilter) -> tuple[Session, ...]:
    """The first page of a filter."""
    page = look_at_sessions(ledger, wanted, page=PageWish(PAGE)).page
    assert page is not None
    return page.sessions


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="a folder to keep the ledger in for the next time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = (arguments.keep or Path(folder)) / f"ledger-{arguments.calls}.sqlite"
        is_new = not file.exists()
        ledger = open_ledger(file, checkpoints=True)
        if is_new:
            fill(ledger, arguments.calls, arguments.sessions)
        for name, ask in questions(ledger).items():
            print(f"{name}: {median_s(ask, RUNS) * 1_000:.0f} ms", flush=True)
        ledger.close()


if __name__ == "__main__":
    main()
