"""Sessions, metered and imported, newest first, a page at a time: a ledger of a million calls is walked back from its
end only as far as the page needs.

A page is found in steps of time that hold so many calls each, more with every step: a search that finds little walks
far, one that finds much ends at once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, func, literal_column, select

from app.core.reservations import ReservationState
from app.core.session import PartSum, Session, SessionFilter, SessionId
from app.ledger.engine import Ledger
from app.ledger.import_tables import imported_calls
from app.ledger.session_source import IMPORTED, METERED, SessionSource, part_of, sources_for
from app.ledger.summed_calls import is_agents
from app.ledger.tables import calls, reservations

FIRST_STEP = 5_000
_GROWTH = 4
_IDENTITY = METERED.identity
_MANY = 400
_LABELS_FROM = 20_000
_HELD_BY = tuple(reservations.c[column.name] for column in _IDENTITY)
_ON_WAY = (
    select(*_HELD_BY, func.min(reservations.c.reserved_at).label("since"))
    .where(reservations.c.state == ReservationState.HELD)
    .group_by(*_HELD_BY)
)
_LAST_IMPORT = select(func.coalesce(func.max(literal_column("rowid", BigInteger)), 0)).select_from(imported_calls)
_TIED = select(func.count()).select_from(imported_calls).where(imported_calls.c.wire_call_id != "")

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
    when. `imports` differs once logs were read anew, or a log's call turned out to be a metered one."""

    seen: int
    added: dict[SessionId, tuple[PartSum, ...]]
    matching: frozenset[SessionId]
    on_way: dict[SessionId, datetime]
    imports: tuple[int, int] = (0, 0)


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
    found = 0
    with ledger.read() as connection:
        for source in sources_for(SessionFilter()):
            since = source.conditions(SessionFilter(since=start))
            distinct = select(*source.identity).where(*since).distinct().subquery()
            found += int(connection.execute(select(func.count()).select_from(distinct)).scalar_one())
    return found


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
    same = (calls.c.task == one.task, calls.c.task != "", is_agents(calls.c, one.agent), calls.c.project == one.project)
    runs = (
        select(*_IDENTITY)
        .where(*same, calls.c.session != one.session)
        .group_by(*_IDENTITY)
        .having(newest < before)
        .order_by(newest.desc())
        .limit(limit)
    )
    with ledger.read() as connection:
        return [METERED.id_of(row) for row in connection.execute(runs).mappings()]


def _news(connection: Connection, seen: int | None, wanted: SessionFilter) -> SessionNews:
    newest = int(connection.execute(select(func.coalesce(func.max(calls.c.row_id), 0))).scalar_one())
    on_way = {METERED.id_of(row): row["since"] for row in connection.execute(_ON_WAY).mappings()}
    imports = (int(connection.execute(_LAST_IMPORT).scalar_one()), int(connection.execute(_TIED).scalar_one()))
    added: dict[SessionId, list[PartSum]] = {}
    if seen is None or newest <= seen:
        return SessionNews(newest, {}, frozenset(), on_way, imports)
    is_new = calls.c.row_id > seen
    keys = (*_IDENTITY, *METERED.origin)
    for row in connection.execute(select(*keys, *METERED.measures()).where(is_new).group_by(*keys)).mappings():
        added.setdefault(METERED.id_of(row), []).append(part_of(row))
    wanted_ones = select(*_IDENTITY).where(is_new, *METERED.conditions(wanted)).distinct()
    matching = [] if wanted.is_imported else [METERED.id_of(row) for row in connection.execute(wanted_ones).mappings()]
    sums = {one: tuple(parts) for one, parts in added.items()}
    return SessionNews(newest, sums, frozenset(matching), on_way, imports)


def _page(connection: Connection, wanted: SessionFilter, wish: PageWish, go_on: IsWanted) -> SessionPage:
    found: dict[SessionId, datetime] = {}
    reached = wish.before
    sources = sources_for(wanted)
    for start, end in _steps(connection, sources, wish.before, wanted.since):
        for source in sources:
            for one, last_at in _in_step(connection, source, wanted, start, end):
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
    connection: Connection, sources: tuple[SessionSource, ...], before: datetime | None, since: datetime | None
) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Spans [start, end) from the newest back, each with more calls than the one before; None where open."""
    end, size = before, FIRST_STEP
    while True:
        starts = [_one_of_many(connection, source, end, size) for source in sources]
        start = max((one for one in starts if one is not None), default=None)
        if since is not None and (start is None or start <= since):
            yield None, end  # the condition on `since` stands in the filter
            return
        yield start, end
        if start is None:
            return
        end, size = start, size * _GROWTH


def _one_of_many(connection: Connection, source: SessionSource, end: datetime | None, size: int) -> datetime | None:
    """When the call began that has so many others after it; None where there are fewer."""
    at = source.columns.started_at
    earlier = select(at).order_by(at.desc()).offset(size).limit(1)
    if end is not None:
        earlier = earlier.where(at < end)
    found: datetime | None = connection.execute(earlier).scalar_one_or_none()
    return found


def _in_step(
    connection: Connection, source: SessionSource, wanted: SessionFilter, start: datetime | None, end: datetime | None
) -> list[tuple[SessionId, datetime]]:
    at, keys = source.columns.started_at, source.identity
    newest = func.max(at).label("last_at")
    conditions = source.conditions(wanted)
    if start is not None:
        conditions.append(at >= start)
    if end is not None:
        conditions.append(at < end)
    grouped = select(*keys, newest).where(*conditions).group_by(*keys).order_by(newest.desc())
    return [(source.id_of(row), row["last_at"]) for row in connection.execute(grouped).mappings()]


def _with_parts(connection: Connection, ids: list[SessionId]) -> list[Session]:
    parts: dict[SessionId, list[PartSum]] = {one: [] for one in ids}
    for source in (METERED, IMPORTED):
        mine = [one for one in ids if one.is_imported is source.is_imported]
        named = [one for one in mine if one.session]
        for first in range(0, len(named), _MANY):
            sessions = {one.session for one in named[first : first + _MANY]}
            _collect(connection, source, source.columns.session.in_(sessions), parts)
        unnamed = [one for one in mine if not one.session]
        if unnamed:  # all at once: they lie among one another
            tasks = {one.task for one in unnamed}
            _collect(
                connection, source, (source.columns.session == "") & source.columns.task.concat("").in_(tasks), parts
            )
    return [_session_of(identity, some) for identity, some in parts.items() if some]


def _session_of(identity: SessionId, parts: list[PartSum]) -> Session:
    dearest_first = sorted(parts, key=lambda part: -part.whole_nano_usd)
    return Session(identity, tuple(dearest_first), max(part.last_at for part in parts))


def _collect(
    connection: Connection, source: SessionSource, condition: ColumnElement[bool], into: dict[SessionId, list[PartSum]]
) -> None:
    keys = (*source.identity, *source.origin)
    grouped = select(*keys, *source.measures()).where(source.is_counted, condition).group_by(*keys)
    for row in connection.execute(grouped).mappings():
        if (identity := source.id_of(row)) in into:
            into[identity].append(part_of(row))
