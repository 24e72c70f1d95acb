"""The server's windows are Python's, to the letter: a laptop shows the ones that the server counts in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.caps import Cap, Payer
from app.core.tags import Billing, Scope, Tags
from app.core.windows import Window, span_at, zone
from app.ledger.cap_store import cap_columns
from app.ledger.rows import draft_columns
from app.ledger.tables import micros
from app.ledger.team import rows
from tests.core.test_windows import ODD_NIGHTS, zone_names
from tests.ledger.bookkeeping import make_draft
from tests.ledger.team.conftest import Team
from tests.ledger.team.test_team_ledger import make_cap

# Zones' rules change; what two machines know of the far past and future may differ with the age of their tables.
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
EXAMPLES = 250
type Server = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def server(team: Team) -> Iterator[Server]:
    with team.site.cluster.connect(team.database) as connection:
        connection.execute("SET timezone = 'America/St_Johns'")
        yield connection


def instants() -> st.SearchStrategy[datetime]:
    return st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))


def test_every_window_has_the_same_key_and_bounds_on_both_sides(server: Server) -> None:
    known = {row[0] for row in server.execute("SELECT name FROM pg_timezone_names")}
    names = [name for name in zone_names() if name in known]
    assert len(names) > 300

    @settings(max_examples=EXAMPLES)
    @given(st.sampled_from(list(Window)), st.sampled_from(names), instants(), st.integers(0, 6), st.text("ab|\\%_"))
    def agree(window: Window, name: str, instant: datetime, week_start: int, session: str) -> None:
        compare(server, window, name, instant, week_start, session)

    agree()


@pytest.mark.parametrize(("name", "instant"), ODD_NIGHTS)
def test_nights_that_come_twice_or_not_at_all_are_the_same_on_both_sides(
    server: Server, name: str, instant: datetime
) -> None:
    for minutes in range(-36 * 60, 36 * 60, 45):
        for window in (Window.DAY, Window.WEEK):
            compare(server, window, name, instant + timedelta(minutes=minutes), 0, "")


def compare(server: Server, window: Window, name: str, instant: datetime, week_start: int, session: str) -> None:
    expected = span_at(window, instant, zone(name), week_start=week_start, session=session)
    row = server.execute(
        "SELECT * FROM bursar.span(%s, %s, %s, %s, %s)", (window.value, instant, name, week_start, session)
    ).fetchone()
    assert row is not None
    assert (row[0], *map(in_utc, row[1:])) == (expected.key, expected.starts_at, expected.ends_at)


def in_utc(instant: datetime | None) -> datetime | None:
    """Instants of two zones are never equal to Python where either comes twice."""
    return None if instant is None else instant.astimezone(UTC)


LABELS = st.sampled_from(["", "a", "b|c", "d\\", "*", "x%_"])
CAPS = st.builds(
    make_cap,
    st.just(1),
    scope=st.sampled_from([scope for scope in Scope if scope not in (Scope.EVERYTHING, Scope.USER, Scope.TEAM)]),
    scope_key=st.sampled_from(["*", "a", "b|c", "d\\"]),
    window=st.sampled_from(list(Window)),
    counts_subscriptions=st.booleans(),
)
PAYERS = st.builds(
    Tags, project=LABELS, agent=LABELS, task=LABELS, session=LABELS, virtual_key_id=LABELS,
    user=st.just("ann"), team=st.just("payments"),
)  # fmt: skip


def test_a_call_counts_in_the_same_windows_on_both_sides(team: Team, server: Server) -> None:
    @settings(max_examples=EXAMPLES // 2)
    @given(CAPS, PAYERS, st.sampled_from(["a", "b|c"]), st.sampled_from(list(Billing)), instants())
    @example(make_cap(1, scope=Scope.USER, scope_key="ann"), Tags(user="ann"), "a", Billing.API, FIRST)
    @example(make_cap(1, scope=Scope.TEAM, scope_key="*"), Tags(team="payments"), "a", Billing.API, FIRST)
    def agree(cap: Cap, tags: Tags, model: str, billing: Billing, instant: datetime) -> None:
        draft = make_draft(1, at=instant, model=model, tags=tags, billing=billing)
        payer = Payer(tags, draft.provider, model, billing)
        expected = [cap.span(instant, payer).key] if cap.applies_to(payer) else []
        assert keys(server, cap, rows.told([draft_columns(draft)])[1:-1], instant) == expected

    agree()


def keys(server: Server, cap: Cap, call: str, instant: datetime) -> list[str]:
    server.execute("DELETE FROM bursar.caps")
    server.execute(
        """INSERT INTO bursar.caps SELECT (jsonb_populate_record(NULL::bursar.caps,
            %s::jsonb || '{"created_by": "", "created_at": "2026-01-01"}')).*""",
        (rows.told([cap_columns(cap)])[1:-1],),
    )
    found = server.execute(
        "SELECT window_key FROM bursar.matching(0, %s, 'ann', bursar.from_micros(%s))", (call, micros(instant))
    ).fetchall()
    return [row[0] for row in found]
