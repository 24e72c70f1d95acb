"""Sessions that a person stopped or paused, and sessions one of whose answers was cut.

A stopped session's calls are refused for good, a paused one's wait until it goes on. After a cut, an agent sends its
request again, up to eleven times (measured with Claude Code); until the whole of such a call is paid for, it is refused
before it is sent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.errors import InvalidInput
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.kept_reads import kept
from app.ledger.limit_tables import cut_sessions, stopped_sessions
from app.ledger.statement import Statement

CUT_IS_REMEMBERED = timedelta(minutes=10)
"""Longer than any client measured goes on sending a request again: Claude Code ends after three minutes."""

_ALL_STOPPED = Statement(select(stopped_sessions).order_by(stopped_sessions.c.stopped_at.desc()))
_STOPPED = Statement(select(stopped_sessions.c.is_pause).where(stopped_sessions.c.session == bindparam("of_session")))
_OF_SESSION = and_(
    cut_sessions.c.session == bindparam("of_session"), cut_sessions.c.virtual_key_id == bindparam("of_key")
)
_CUT_AT = Statement(select(cut_sessions.c.cut_at).where(_OF_SESSION))


@dataclass(frozen=True, slots=True)
class StoppedSession:
    """A session whose calls are refused, or with `is_pause` wait. `cuts_streams`: its running answers were to end at
    once as well."""

    session: str
    stopped_at: datetime
    stopped_by: str
    cuts_streams: bool
    is_pause: bool


def stop_session(ledger: Ledger, session: str, *, by: str, cuts_streams: bool = False) -> None:
    """Refuse all further calls of a session, and cut its running answers if asked. Raises InvalidInput."""
    if not session:
        raise InvalidInput("No session", "Only calls that name a session can be stopped by it.")
    with ledger.write() as connection:
        put_stop(connection, session, by, cuts_streams=cuts_streams)


def pause_session(ledger: Ledger, session: str, *, by: str, cuts_streams: bool = False) -> None:
    """Let all further calls of a session wait, and cut its running answers if asked. Raises InvalidInput."""
    if not session:
        raise InvalidInput("No session", "Only calls that name a session can be paused by it.")
    with ledger.write() as connection:
        put_stop(connection, session, by, cuts_streams=cuts_streams, is_pause=True)


def put_stop(
    connection: Connection, session: str, by: str, *, cuts_streams: bool = False, is_pause: bool = False
) -> None:
    """Stop or pause a session that has a name, within a transaction at hand."""
    values = {"stopped_at": datetime.now(UTC), "stopped_by": by, "cuts_streams": cuts_streams, "is_pause": is_pause}
    stopped = upsert(stopped_sessions).values(session=session, **values)
    connection.execute(stopped.on_conflict_do_update(index_elements=["session"], set_=values))


def resume_session(ledger: Ledger, session: str) -> None:
    """Let a stopped or paused session go on. Raises InvalidInput when it is neither."""
    with ledger.write() as connection:
        gone = connection.execute(delete(stopped_sessions).where(stopped_sessions.c.session == session))
        if gone.rowcount == 0:
            raise InvalidInput("This session is neither stopped nor paused", "Its calls go on.")


def stopped_sessions_now(connection: Connection) -> list[StoppedSession]:
    """All stopped and paused sessions, the newest first, within a transaction at hand."""
    return [StoppedSession(**row) for row in _ALL_STOPPED.mappings(connection, {})]


def list_stopped_sessions(ledger: Ledger) -> list[StoppedSession]:
    """All stopped and paused sessions, the newest first."""
    with ledger.read() as connection:
        return stopped_sessions_now(connection)


def waits_by_order(connection: Connection, tags: Tags) -> bool | None:
    """Whether a person paused the session of these tags: its calls wait then. False where it was stopped, which refuses
    them, and None where it goes on."""
    if not tags.session:
        return None
    asked = {"of_session": tags.session}
    waits: bool | None = kept(connection, ("stop", tags.session), lambda: _STOPPED.value(connection, asked))
    return waits


def note_cut(connection: Connection, tags: Tags, now: datetime) -> None:
    """Remember that an answer of this session was cut."""
    cut = upsert(cut_sessions).values(session=tags.session, virtual_key_id=tags.virtual_key_id, cut_at=now)
    connection.execute(cut.on_conflict_do_update(index_elements=["session", "virtual_key_id"], set_={"cut_at": now}))


def was_cut(connection: Connection, tags: Tags, now: datetime) -> bool:
    """Whether an answer of this session was cut lately and nothing was paid for in full since."""
    name = ("cut", tags.session, tags.virtual_key_id)
    cut_at: datetime | None = kept(connection, name, lambda: _CUT_AT.value(connection, _cut_of(tags)))
    return cut_at is not None and cut_at > now - CUT_IS_REMEMBERED


def forget_cut(connection: Connection, tags: Tags) -> None:
    """The session has gone on with a call that is paid for in full."""
    connection.execute(delete(cut_sessions).where(_OF_SESSION), _cut_of(tags))


def _cut_of(tags: Tags) -> dict[str, object]:
    return {"of_session": tags.session, "of_key": tags.virtual_key_id}
