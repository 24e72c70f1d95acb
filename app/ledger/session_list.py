"""Sessions, newest first, a page at a time: a ledger of a million calls is walked back from its end only as far as the
page needs.

A page is found in steps of time that hold so many calls each, more with every step: a search that finds little walks
far, one that finds much ends at once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from app.core.call import Outcome
from app.core.reservations import ReservationState
from app.core.session import PartSum, Session, SessionFilter, SessionId
from app.core.tags import Scope
from app.ledger.engine import Ledger
from app.ledger.rows import origin_of
from app.ledger.spend import IS_MONEY
from app.ledger.tables import calls, reservations
from app.ledger.window_totals import scope_column

FIRST_STEP = 5_000
_GROWTH = 4
_IDENTITY = (calls.c.session, calls.c.agent, calls.c.project, calls.c.task)
_ORIGIN = (calls.c.request_class, calls.c.agent_id, calls.c.parent_agent_id, calls.c.agent_kind)
_SEARCHED = (calls.c.task, calls.c.agent, calls.c.project, calls.c.session)
_MANY = 400
_LABELS_FROM = 20_000
_HELD_BY = tuple(reservations.c[column.name] for column in _IDENTITY)
_ON_WAY = (
    select(*_HELD_BY, func.min(reservations.c.reserved_at).label("since"))
    .where(reservations.c.state == ReservationState.HELD)
    .group_by(*_HELD_BY)
)

type IsWanted = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class PageWish:
    """One page more: `limit` sessions whose newest call began before an instant (None: from the newest on), without
    those `known` from other pages."""

    limit: int
    before: datetime | None = None
    known: frozenset[SessionId] = frozenset()


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some sessions, the one with the newest call first. `reached` is how far back the ledger was read: the next page
    goes on before it; None at the ledger's beginning."""

    sessions: tuple[Session, ...]
    reached: datetime | None


@dataclass(frozen=True, slots=True)
class SessionNews:
    """What came after an earlier look: the sums of the new calls by session, and which of these sessions have a new
    call that a filter wants. `seen` is for the next look. `on_way` are sessions with a call on its way, and since
    when."""

    seen: int
    added: dict[SessionId, tuple[PartSum, ...]]
    matching: frozenset[SessionId]
    on_way: dict[SessionId, datetime]


@dataclass(frozen=True, slots=True)
class SessionLook:
    """One consistent picture: the news, a page where one was wished for, and all of the sessions that the news speak of
    and nobody knew."""

    news: SessionNews
    page: SessionPage | None
    unknown: tuple[Session, ...]


def look_at_sessions(
    ledger: Ledger,
    wanted: SessionFilter,
    *,
    seen: int | None = None,
    known: frozenset[SessionId] = frozenset(),
    page: PageWish | None = None,
    go_on: IsWanted = lambda: True,
) -> SessionLook:
    """The news since an earlier look (None: there was none), and a page. A page ends early, with what it has, once
    `go_on` says no. Raises LedgerError."""
    with ledger.read() as connection:
        news = _news(connection, seen, wanted)
        found = None if page is None else _page(connection, wanted, page, go_on)
        unknown = _with_parts(connection, sorted(news.matching - known, key=str))
    return SessionLook(news, found, tuple(unknown))


def read_sessions(ledger: Ledger, ids: Iterable[SessionId]) -> list[Session]:
    """These sessions as they stand; those without a call are not among them."""
    with ledger.read() as connection:
        return _with_parts(connection, list(ids))


def count_sessions(ledger: Ledger, start: datetime) -> int:
    """How many sessions made a call since an instant."""
    since = select(*_IDENTITY).where(calls.c.started_at >= start).distinct().subquery()
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(since)).scalar_one())


def read_session_labels(ledger: Ledger) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The agents and the projects of the newest calls, by name."""
    newest = select(calls.c.agent, calls.c.project).order_by(calls.c.started_at.desc()).limit(_LABELS_FROM).subquery()
    with ledger.read() as connection:
        pairs = connection.execute(select(newest.c.agent, newest.c.project).distinct()).all()
    agents, projects = ({row[place] for row in pairs if row[place]} for place in (0, 1))
    return tuple(sorted(agents, key=str.lower)), tuple(sorted(projects, key=str.lower))


def earlier_runs(ledger: Ledger, one: SessionId, before: datetime, limit: int) -> list[SessionId]:
    """Sessions with the same task of the same agent in the same project that ended before an instant, newest first."""
    if not one.task:
        return []
    newest = func.max(calls.c.started_at).label("last_at")
    same = (calls.c.task == one.task, calls.c.task != "", calls.c.agent == one.agent, calls.c.project == one.project)
    runs = (
        select(*_IDENTITY)
        .where(*same, calls.c.session != one.session)
        .group_by(*_IDENTITY)
        .having(newest < before)
        .order_by(newest.desc())
        .limit(limit)
    )
    with ledger.read() as connection:
        return [SessionId(*row) for row in connection.execute(runs)]


def _news(connection: Connection, seen: int | None, wanted: SessionFilter) -> SessionNews:
    newest = int(connection.execute(select(func.coalesce(func.max(calls.c.row_id), 0))).scalar_one())
    on_way = {_identity_of(row): row["since"] for row in connection.execute(_ON_WAY).mappings()}
    added: dict[SessionId, list[PartSum]] = {}
    if seen is None or newest <= seen:
        return SessionNews(newest, {}, frozenset(), on_way)
    is_new = calls.c.row_id > seen
    grouped = select(*_IDENTITY, *_ORIGIN, *_measures()).where(is_new).group_by(*_IDENTITY, *_ORIGIN)
    for row in connection.execute(grouped).mappings():
        added.setdefault(_identity_of(row), []).append(_part_of(row))
    wanted_ones = select(*_IDENTITY).where(is_new, *_conditions(wanted)).distinct()
    matching = frozenset(SessionId(*row) for row in connection.execute(wanted_ones))
    return SessionNews(newest, {one: tuple(parts) for one, parts in added.items()}, matching, on_way)


def _page(connection: Connection, wanted: SessionFilter, wish: PageWish, go_on: IsWanted) -> SessionPage:
    found: dict[SessionId, datetime] = {}
    reached = wish.before
    for start, end in _steps(connection, wish.before, wanted.since):
        for one, last_at in _in_step(connection, wanted, start, end):
            if one not in wish.known:
                found.setdefault(one, last_at)
        reached = start
        if len(found) >= wish.limit or not go_on():
            break
    if len(found) > wish.limit:
        reached = sorted(found.values(), reverse=True)[wish.limit - 1]
        found = {one: last_at for one, last_at in found.items() if last_at >= reached}
    sessions = _with_parts(connection, list(found))
    return SessionPage(tuple(sorted(sessions, key=lambda one: found[one.id], reverse=True)), reached)


def _steps(
    connection: Connection, before: datetime | None, since: datetime | None
) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Spans [start, end) from the newest back, each with more calls than the one before; None where open."""
    end, size = before, FIRST_STEP
    while True:
        earlier = select(calls.c.started_at).order_by(calls.c.started_at.desc()).offset(size).limit(1)
        if end is not None:
            earlier = earlier.where(calls.c.started_at < end)
        start = connection.execute(earlier).scalar_one_or_none()
        if since is not None and (start is None or start <= since):
            yield None, end  # the condition on `since` stands in the filter
            return
        yield start, end
        if start is None:
            return
        end, size = start, size * _GROWTH


def _in_step(
    connection: Connection, wanted: SessionFilter, start: datetime | None, end: datetime | None
) -> list[tuple[SessionId, datetime]]:
    newest = func.max(calls.c.started_at).label("last_at")
    conditions = _conditions(wanted)
    if start is not None:
        conditions.append(calls.c.started_at >= start)
    if end is not None:
        conditions.append(calls.c.started_at < end)
    grouped = select(*_IDENTITY, newest).where(and_(true(), *conditions)).group_by(*_IDENTITY).order_by(newest.desc())
    return [(SessionId(*row[:4]), row.last_at) for row in connection.execute(grouped)]


def _conditions(wanted: SessionFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for word in wanted.text.split():  # in SQLite, LIKE takes both cases of a letter for the same
        found.append(or_(*(column.contains(word, autoescape=True) for column in _SEARCHED)))
    found += [_label(scope) == value for scope, value in wanted.labels]
    if wanted.sessions is not None:
        found.append(calls.c.session.in_(wanted.sessions))
    if wanted.since is not None:
        found.append(calls.c.started_at >= wanted.since)
    return found


def _label(by: Scope) -> ColumnElement[str]:
    """The label of a scope; the model is the one that answered, since that is what was paid for. A step is found by its
    time, which is why indexes on labels are kept out here too; but for that on sessions, which have few calls."""
    if by is Scope.MODEL:
        return func.coalesce(func.nullif(calls.c.response_model, ""), calls.c.request_model)
    column: ColumnElement[str] = calls.c[scope_column(by)]
    return column if by is Scope.SESSION else column.concat("")


def _with_parts(connection: Connection, ids: list[SessionId]) -> list[Session]:
    named = [one for one in ids if one.session]
    parts: dict[SessionId, list[PartSum]] = {one: [] for one in ids}
    for first in range(0, len(named), _MANY):
        sessions = {one.session for one in named[first : first + _MANY]}
        _collect(connection, calls.c.session.in_(sessions), parts)
    for one in ids:
        if not one.session:
            _collect(connection, is_of(one), parts)
    return [_session_of(identity, some) for identity, some in parts.items() if some]


def _session_of(identity: SessionId, parts: list[PartSum]) -> Session:
    dearest_first = sorted(parts, key=lambda part: -part.whole_nano_usd)
    return Session(identity, tuple(dearest_first), max(part.last_at for part in parts))


def _collect(connection: Connection, condition: ColumnElement[bool], into: dict[SessionId, list[PartSum]]) -> None:
    grouped = select(*_IDENTITY, *_ORIGIN, *_measures()).where(condition).group_by(*_IDENTITY, *_ORIGIN)
    for row in connection.execute(grouped).mappings():
        if (identity := _identity_of(row)) in into:
            into[identity].append(_part_of(row))


def is_of(one: SessionId) -> ColumnElement[bool]:
    """The condition that a call is of this session. Adding nothing to the agent keeps the index on agents out of it,
    which would find half of all calls first."""
    return and_(
        calls.c.session == one.session,
        calls.c.agent.concat("") == one.agent,
        calls.c.project == one.project,
        calls.c.task == one.task,
    )


def _measures() -> list[Any]:
    is_sent = calls.c.outcome != Outcome.REFUSED
    tokens = func.coalesce(calls.c.input_tokens, 0) + func.coalesce(calls.c.output_tokens, 0)
    cost = func.sum(calls.c.cost_nano_usd)
    return [
        func.max(calls.c.started_at).label("last_at"),
        func.count().filter(is_sent).label("calls"),
        func.count().filter(~is_sent).label("refused_calls"),
        func.sum(tokens).label("tokens"),
        func.coalesce(cost.filter(IS_MONEY), 0).label("cost_nano_usd"),
        func.coalesce(cost.filter(~IS_MONEY), 0).label("subscription_nano_usd"),
        func.count().filter(calls.c.cost_nano_usd.is_(None), is_sent).label("unpriced_calls"),
    ]


def _part_of(row: Any) -> PartSum:
    names = ("calls", "refused_calls", "tokens", "cost_nano_usd", "subscription_nano_usd", "unpriced_calls")
    return PartSum(origin_of(row), row["last_at"], **{name: int(row[name]) for name in names})


def _identity_of(row: Any) -> SessionId:
    return SessionId(row["session"], row["agent"], row["project"], row["task"])
