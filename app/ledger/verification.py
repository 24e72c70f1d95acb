"""Totals derived a second time, from the calls and from what is held, and compared with the rows that caps go by; and
so the sums by quarter of an hour.

Every change keeps them equal, in the transaction that makes it; a difference means a damaged file or a mistake of ours.
Where old calls were dropped, their sums stand in for them; those sums, and windows of old sessions, are not derived.
"""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from app.core.caps import Cap, Payer, cap_name
from app.core.reservations import ReservationState
from app.core.windows import Window, WindowSpan
from app.ledger.cap_store import read_caps
from app.ledger.dropped import kept_since
from app.ledger.engine import Ledger
from app.ledger.instants import QUARTER, QUARTER_MICROS
from app.ledger.raise_store import raised_by
from app.ledger.rollup import compared_sums, roll_up_again, rollups
from app.ledger.tables import EPOCH, holds, micros, reservations, totals
from app.ledger.window_totals import held_in, payer_with, spent_in, write_counted

_EACH = re.compile(r"((?:[^\\|]|\\.)*)\|(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one window that is not what it is derived to be. Amounts in nano-dollars.

    `figure` is `spent`, `held`, `limit`, `unpriced calls`, `calls on their way`, or `window` for one whose cap is not
    in force; of the sums, which have no cap, `calls`, `spent` or `tokens`.
    """

    cap_id: str
    cap_name: str
    window_key: str
    figure: str
    written: int
    derived: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found: how many windows were looked at, and each difference."""

    windows: int
    differences: tuple[Difference, ...]


def verify_ledger(ledger: Ledger) -> Verification:
    """Derive all totals again and compare them, in one consistent picture."""
    with ledger.read() as connection:
        return _verify(connection)


def repair_ledger(ledger: Ledger) -> Verification:
    """The same, and what differs is written as it was derived. Tells what had differed."""
    with ledger.write() as connection:
        found = _verify(connection)
        caps = {cap.cap_id: cap for cap in read_caps(connection)}
        for cap_id, key in {(one.cap_id, one.window_key) for one in found.differences if one.cap_id}:
            _repair(connection, caps.get(cap_id), cap_id, key)
        if not all(one.cap_id for one in found.differences):
            roll_up_again(connection, kept_since(connection) or EPOCH)
        return found


def _verify(connection: Connection) -> Verification:
    caps = {cap.cap_id: cap for cap in read_caps(connection)}
    rows = connection.execute(select(totals).order_by(totals.c.cap_id, totals.c.window_key)).all()
    past = _summed_sessions(connection)
    found = [
        difference
        for row in rows
        if not _counts_session_of(past, caps.get(row.cap_id), row.window_key)
        for difference in _differences(connection, caps.get(row.cap_id), row)
    ]
    return Verification(len(rows), (*found, *_differing_sums(connection)))


def _summed_sessions(connection: Connection) -> set[str]:
    """Sessions of which calls may have been dropped: their windows cannot be derived any more."""
    since = kept_since(connection)
    if since is None:
        return set()
    before = rollups.c.quarter < micros(since) // QUARTER_MICROS
    return set(connection.execute(select(rollups.c.session).where(before).distinct()).scalars())


def _counts_session_of(sessions: set[str], cap: Cap | None, window_key: str) -> bool:
    return cap is not None and cap.window is Window.SESSION and _payer(cap, window_key).tags.session in sessions


def _differing_sums(connection: Connection) -> list[Difference]:
    since = kept_since(connection) or EPOCH
    return [
        Difference("", "Sums of calls", f"{EPOCH + QUARTER * quarter:%Y-%m-%dT%H:%MZ}", figure, *pair)
        for quarter, written, derived in compared_sums(connection, since)
        for figure in sorted({*written, *derived})
        if len(set(pair := (written.get(figure, 0), derived.get(figure, 0)))) > 1
    ]


def _differences(connection: Connection, cap: Cap | None, row: Any) -> list[Difference]:
    if cap is None:
        return [Difference(row.cap_id, "a removed cap", row.window_key, "window", 1, 0)]
    span = WindowSpan(row.window_key, row.starts_at, row.ends_at)
    payer = _payer(cap, row.window_key)
    spent, unpriced = spent_in(connection, cap, span, payer)
    held = held_in(connection, cap, span, payer)
    figures = (
        ("spent", row.posted_nano_usd, spent),
        ("held", row.held_nano_usd, sum(held.values())),
        ("limit", row.limit_nano_usd, cap.limit_nano_usd + raised_by(connection, cap.cap_id, row.window_key)),
        ("unpriced calls", row.unpriced_calls, unpriced),
        ("calls on their way", _remembered(connection, cap.cap_id, row.window_key), len(held)),
    )
    return [
        Difference(cap.cap_id, cap_name(cap), row.window_key, figure, written, derived)
        for figure, written, derived in figures
        if written != derived
    ]


def _remembered(connection: Connection, cap_id: str, window_key: str) -> int:
    """How many calls on their way remember that they are held in this window."""
    mine = (
        select(func.count())
        .select_from(holds)
        .join(reservations, reservations.c.call_id == holds.c.call_id)
        .where(
            reservations.c.state == ReservationState.HELD,
            holds.c.cap_id == cap_id,
            holds.c.window_key == window_key,
        )
    )
    return int(connection.execute(mine).scalar_one())


def _repair(connection: Connection, cap: Cap | None, cap_id: str, window_key: str) -> None:
    window = (totals.c.cap_id == cap_id, totals.c.window_key == window_key)
    row = connection.execute(select(totals).where(*window)).one()
    connection.execute(delete(totals).where(*window))
    connection.execute(delete(holds).where(holds.c.cap_id == cap_id, holds.c.window_key == window_key))
    if cap is None:
        return
    write_counted(connection, cap, WindowSpan(window_key, row.starts_at, row.ends_at), _payer(cap, window_key))
    limit = cap.limit_nano_usd + raised_by(connection, cap_id, window_key)
    connection.execute(update(totals).where(*window).values(limit_nano_usd=limit))


def _payer(cap: Cap, window_key: str) -> Payer:
    """Somebody whose calls count in a window, read back from its key as `Cap.span` writes it."""
    key, value = window_key, ""
    if cap.scope_key == "*" and (parted := _EACH.fullmatch(window_key)) is not None:
        key, value = _ESCAPED.sub(r"\1", parted[1]), parted[2]
    session = key.removeprefix("session:") if cap.window is Window.SESSION else ""
    return payer_with(cap.scope, value, session)
