"""Caps and where they stand: what the tray and the command line read and write."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from app.core.caps import Action, Answer, Cap, Hold, Mode, cap_name
from app.core.errors import InvalidInput
from app.core.money import MAX_NANO_USD
from app.core.tags import Scope, clean_name
from app.core.windows import Window, WindowSpan, zone
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.kept_reads import kept
from app.ledger.raise_store import end_raises, forget_raises
from app.ledger.statement import Statement
from app.ledger.tables import caps, totals
from app.ledger.window_totals import NOBODY, count_windows, forget_totals, open_total, spent_in

_IN_FORCE = Statement(select(caps).where(caps.c.removed_at.is_(None)).order_by(caps.c.created_at, caps.c.cap_id))


class Level(StrEnum):
    """How close a cap is to its limit. Near: the lowest alert level is reached."""

    FINE = "fine"
    NEAR = "near"
    AT = "at"


@dataclass(frozen=True, slots=True)
class CapStatus:
    """A cap and its running window. Amounts in nano-dollars; `limit_nano_usd` includes a raise for this window."""

    cap: Cap
    window_key: str
    spent_nano_usd: int
    held_nano_usd: int
    limit_nano_usd: int
    starts_at: datetime | None
    ends_at: datetime | None
    unpriced_calls: int

    @property
    def has_unpriced(self) -> bool:
        """Whether calls without a price count in it, so that the truth is higher."""
        return self.unpriced_calls > 0

    @property
    def remaining_nano_usd(self) -> int:
        """What is left to spend, never below 0."""
        return max(0, self.limit_nano_usd - self.spent_nano_usd)

    @property
    def share(self) -> float:
        """Spent of the limit: 0 to 1, more when it was passed with approval. For drawing only."""
        return self.spent_nano_usd / self.limit_nano_usd

    @property
    def level(self) -> Level:
        """Fine, near or at."""
        if self.spent_nano_usd >= self.limit_nano_usd:
            return Level.AT
        lowest = min(self.cap.alert_percents, default=100)
        return Level.NEAR if self.spent_nano_usd * 100 >= lowest * self.limit_nano_usd else Level.FINE


def list_caps(ledger: Ledger) -> list[Cap]:
    """All caps in force, oldest first."""
    with ledger.read() as connection:
        return read_caps(connection)


def read_caps(connection: Connection) -> list[Cap]:
    """All caps in force, within a transaction at hand."""
    return list(kept(connection, "caps", lambda: [cap_of(row) for row in _IN_FORCE.mappings(connection, {})]))


def add_cap(
    ledger: Ledger,
    *,
    scope: Scope,
    scope_key: str,
    window: Window,
    limit_nano_usd: int,
    action: Action = Action.PAUSE,
    alert_percents: tuple[int, ...] = (80,),
    time_zone: str,
    week_start: int = 0,
    hold: Hold = Hold.STRICT,
    mode: Mode = Mode.ENFORCE,
    default_answer: Answer | None = None,
    answer_after_s: int | None = None,
    counts_subscriptions: bool = False,
) -> Cap:
    """Set a cap. It counts what its running window has spent already. Raises InvalidInput."""
    key = clean_name(scope_key)  # as the labels are that it is compared with
    cap = Cap(
        new_id(), scope, key, window, limit_nano_usd, action, alert_percents, time_zone, week_start,
        hold, mode, default_answer, answer_after_s, counts_subscriptions,
    )  # fmt: skip
    with ledger.write() as connection:
        put_cap_in(connection, cap)
    return cap


def put_cap_in(connection: Connection, cap: Cap) -> None:
    """Set a cap within a transaction at hand. Raises InvalidInput."""
    _check(connection, cap)
    connection.execute(insert(caps).values(created_at=datetime.now(UTC), removed_at=None, **cap_columns(cap)))
    _recount(connection, cap)


def update_cap(ledger: Ledger, cap: Cap) -> None:
    """Give a cap new values. Its running windows follow at once, a raise of one is taken back. Raises InvalidInput."""
    with ledger.write() as connection:
        _check(connection, cap)
        in_force = (caps.c.cap_id == cap.cap_id, caps.c.removed_at.is_(None))
        changed = connection.execute(update(caps).where(*in_force).values(**cap_columns(cap)))
        if changed.rowcount == 0:
            raise InvalidInput("No such cap", "It was removed. Add it again.")
        _recount(connection, cap)


def remove_cap(ledger: Ledger, cap_id: str) -> None:
    """Take a cap out of force. `restore_cap` undoes it."""
    with ledger.write() as connection:
        take_cap_out(connection, cap_id)


def take_cap_out(connection: Connection, cap_id: str) -> None:
    """Take a cap out of force within a transaction at hand."""
    now = datetime.now(UTC)
    connection.execute(update(caps).where(caps.c.cap_id == cap_id).values(removed_at=now))
    forget_totals(connection, cap_id)
    forget_raises(connection, cap_id, now)


def restore_cap(ledger: Ledger, cap_id: str) -> None:
    """Put a removed cap back. Its windows are counted again from the calls. Raises InvalidInput."""
    with ledger.write() as connection:
        row = connection.execute(select(caps).where(caps.c.cap_id == cap_id)).mappings().one_or_none()
        if row is None:
            raise InvalidInput("No such cap", "Add it again.")
        _check(connection, cap_of(row))
        connection.execute(update(caps).where(caps.c.cap_id == cap_id).values(removed_at=None))
        _recount(connection, cap_of(row))


def cap_statuses(ledger: Ledger, now: datetime) -> list[CapStatus]:
    """Every cap with its running window, tightest first. Caps for each one show their tightest window."""
    with ledger.read() as connection:
        found = [_status(connection, cap, now) for cap in read_caps(connection)]
    return sorted(found, key=lambda status: status.share, reverse=True)


def roll_windows(ledger: Ledger, now: datetime) -> None:
    """Open the running window of every cap, so that a new day is there before its first call, and end raises whose time
    is over."""
    with ledger.write() as connection:
        end_raises(connection, now)
        for cap in read_caps(connection):
            if _has_one_window(cap):
                open_total(connection, cap, cap.span(now, NOBODY), NOBODY)


def count_all_anew(connection: Connection) -> None:
    """Count every cap's windows again, since calls were added that nobody held money for. Raises are taken back."""
    for cap in read_caps(connection):
        _recount(connection, cap)


def _recount(connection: Connection, cap: Cap) -> None:
    """Start the cap's windows again from the calls: what it counts, or its limit, is not what it was."""
    now = datetime.now(UTC)
    forget_totals(connection, cap.cap_id)
    forget_raises(connection, cap.cap_id, now)
    count_windows(connection, cap, now)


def _has_one_window(cap: Cap) -> bool:
    """Whether the running window depends on nothing but the time."""
    return cap.window is not Window.SESSION and cap.scope_key != "*"


def _status(connection: Connection, cap: Cap, now: datetime) -> CapStatus:
    row, span = _running_row(connection, cap, now)
    if row is not None:
        return CapStatus(
            cap, row.window_key, row.posted_nano_usd, row.held_nano_usd, row.limit_nano_usd,
            row.starts_at, row.ends_at, row.unpriced_calls,
        )  # fmt: skip
    spent, unpriced = spent_in(connection, cap, span, NOBODY) if _has_one_window(cap) else (0, 0)
    return CapStatus(cap, span.key, spent, 0, cap.limit_nano_usd, span.starts_at, span.ends_at, unpriced)


def _running_row(connection: Connection, cap: Cap, now: datetime) -> tuple[Any, WindowSpan]:
    """The total that speaks for a cap now: the tightest of those that are running."""
    span = cap.span(now, NOBODY)
    mine = select(totals).where(totals.c.cap_id == cap.cap_id)
    if _has_one_window(cap):
        return connection.execute(mine.where(totals.c.window_key == span.key)).one_or_none(), span
    running = mine.where(totals.c.ends_at.is_(None) | (totals.c.ends_at > now))
    tightest = running.order_by((totals.c.posted_nano_usd * 100 / totals.c.limit_nano_usd).desc()).limit(1)
    return connection.execute(tightest).one_or_none(), span


def _check(connection: Connection, cap: Cap) -> None:
    """Refuse a cap that cannot mean anything, or that says what another already says."""
    check_meaning(cap)
    for other in read_caps(connection):
        if other.cap_id != cap.cap_id and _says_the_same(other, cap):
            raise InvalidInput("Another cap already does this", f"{cap_name(other)}. Edit that one.")


def check_meaning(cap: Cap) -> None:
    """Raises InvalidInput for a cap that cannot mean anything."""
    zone(cap.time_zone)
    if not 0 < cap.limit_nano_usd <= MAX_NANO_USD:
        raise InvalidInput("Not a limit", "A limit is an amount above $0.")
    if not all(0 < percent <= 100 for percent in cap.alert_percents):
        raise InvalidInput("Not an alert level", "An alert level is a whole number from 1 to 100.")
    if not 0 <= cap.week_start <= 6:
        raise InvalidInput("Not a day of the week", "A week starts on a day from 0, Monday, to 6, Sunday.")
    if (cap.default_answer is None) != (cap.answer_after_s is None) or (cap.answer_after_s or 1) < 1:
        raise InvalidInput("Half a default answer", "Say both what is answered and after how many seconds.")
    if (cap.scope is Scope.EVERYTHING) != (cap.scope_key == ""):
        raise InvalidInput(
            "Nobody to apply to", f"Name the {cap.scope.value.replace('_', ' ')} that the cap applies to."
        )


def _says_the_same(one: Cap, other: Cap) -> bool:
    return (one.scope, one.scope_key, one.window) == (other.scope, other.scope_key, other.window)


def cap_columns(cap: Cap) -> dict[str, Any]:
    """A cap as a row."""
    return {
        "cap_id": cap.cap_id,
        "scope": cap.scope,
        "scope_key": cap.scope_key,
        "window_kind": cap.window,
        "limit_nano_usd": cap.limit_nano_usd,
        "action": cap.action,
        "alert_percents": ",".join(str(percent) for percent in sorted(cap.alert_percents)),
        "time_zone": cap.time_zone,
        "week_start": cap.week_start,
        "hold": cap.hold,
        "mode": cap.mode,
        "default_answer": cap.default_answer or "",
        "answer_after_s": cap.answer_after_s,
        "counts_subscriptions": cap.counts_subscriptions,
    }


def cap_of(row: Any) -> Cap:
    """A cap, read from its row."""
    return Cap(
        cap_id=row["cap_id"],
        scope=Scope(row["scope"]),
        scope_key=row["scope_key"],
        window=Window(row["window_kind"]),
        limit_nano_usd=row["limit_nano_usd"],
        action=Action(row["action"]),
        alert_percents=tuple(int(percent) for percent in row["alert_percents"].split(",") if percent),
        time_zone=row["time_zone"],
        week_start=row["week_start"],
        hold=Hold(row["hold"]),
        mode=Mode(row["mode"]),
        default_answer=Answer(row["default_answer"]) if row["default_answer"] else None,
        answer_after_s=row["answer_after_s"],
        counts_subscriptions=row["counts_subscriptions"],
    )
