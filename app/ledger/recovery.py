"""Cleaning up after a meter that died: its calls are charged at worst, its places in line are free, its
questions are closed."""

from datetime import datetime

from app.ledger.approval_store import close_questions
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.meter_state import is_alive, mark_stopped, unfinished_meters
from app.ledger.settlement import abandon, holding_meters
from app.ledger.waiting_line import clear_line


def recover_dead_instances(ledger: Ledger, now: datetime) -> int:
    """End what meters left behind whose lock is free. Returns how many calls were on their way. Meters that live are
    not touched."""
    recovered = 0
    for instance_id in _dead(ledger):
        with ledger.write() as connection:
            recovered += abandon(connection, read_caps(connection), instance_id, now)
            clear_line(connection, instance_id, now)
            close_questions(connection, instance_id, now)
            mark_stopped(connection, instance_id, now)
    return recovered


def _dead(ledger: Ledger) -> list[str]:
    """Meters that are gone and whose books are open; one may have died before it could say that it was here."""
    unfinished = unfinished_meters(ledger)
    with ledger.read() as connection:
        unknown = holding_meters(connection) - {meter.instance_id for meter in unfinished}
    known = [meter.instance_id for meter in unfinished if not meter.is_alive]
    return known + [instance_id for instance_id in sorted(unknown) if not is_alive(ledger, instance_id)]
