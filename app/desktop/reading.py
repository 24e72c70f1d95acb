"""Reading one `Snapshot` out of the ledger. Runs in the feed's thread."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.tags import Scope
from app.core.windows import Window, span_at
from app.desktop.models.snapshot import LATELY, Snapshot
from app.ledger import (
    approval_store,
    assurance_store,
    call_store,
    cap_store,
    conversation_store,
    key_store,
    loop_store,
    meter_state,
    provider_key_store,
    session_store,
    spend,
)
from app.ledger.ballast import Room, room_for
from app.ledger.engine import Ledger
from app.ledger.running_sums import RunningSums

CALLS_SHOWN = 200
SESSIONS_READ = 50
COLD_WITHIN = timedelta(minutes=2)
"""A reading stands for a minute, and the last minute of a cache is told."""
_MOMENT = timedelta(microseconds=1)
_A_DAY = timedelta(days=1)


def read_snapshot(ledger: Ledger, now: datetime, zone: ZoneInfo, sums: RunningSums | None = None) -> Snapshot:
    """Everything the windows show, as of now. `sums` are what the readings before remember. Raises LedgerError."""
    after = now + _MOMENT
    by_order = session_store.list_stopped_sessions(ledger)
    day, month = span_at(Window.DAY, now, zone), span_at(Window.MONTH, now, zone)
    return Snapshot(
        read_at=now,
        zone=zone,
        today=spend.spend_between(ledger, day.starts_at or now, after, sums),
        month=spend.spend_between(ledger, month.starts_at or now, after, sums),
        lately=spend.spend_between(ledger, now - LATELY, after),
        caps=tuple(cap_store.cap_statuses(ledger, now)),
        waiting=tuple(approval_store.waiting(ledger)),
        answered=tuple(approval_store.answered(ledger)),
        sessions=tuple(spend.busiest_sessions(ledger, now, within=LATELY, limit=SESSIONS_READ, sums=sums)),
        calls=tuple(call_store.recent_calls(ledger, CALLS_SHOWN)),
        keys=tuple(key_store.list_keys(ledger, sums=sums)),
        provider_keys=tuple(provider_key_store.list_provider_keys(ledger)),
        meter=meter_state.running_meter(ledger),
        is_paused=meter_state.is_paused(ledger),
        assurance=assurance_store.level_in_force(ledger, now),
        cold=conversation_store.cold_soon(ledger, now, COLD_WITHIN),
        loops=tuple(loop_store.loops_told_after(ledger, now - _A_DAY)),
        stopped=frozenset(one.session for one in by_order if not one.is_pause),
        paused=frozenset(one.session for one in by_order if one.is_pause),
        ledger_trouble=_trouble_of(room_for(ledger.path)),
    )


def _trouble_of(room: Room) -> tuple[str, str] | None:
    return None if room is Room.ENOUGH else (room.heading, room.meaning)


def read_labels(ledger: Ledger, scope: Scope, now: datetime) -> list[str]:
    """The names ever charged in one scope, dearest first: what a cap can be set for. Raises LedgerError."""
    ever = datetime.fromtimestamp(0, now.tzinfo)
    return [group.key for group in spend.spend_by(ledger, scope, ever, now + _MOMENT) if group.key]
