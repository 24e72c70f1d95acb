"""Cleaning up after a meter that died: its calls are charged at worst, its places in line are free, its
questions are closed."""

from datetime import datetime

from app.ledger.approval_store import close_questions
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.meter_state import mark_stopped, unfinished_meters
from app.ledger.settlement import abandon
from app.ledger.waiting_line import clear_line


def recover_dead_instances(ledger: Ledger, now: datetime) -> int:
    """End what meters left behind whose lock is free. Returns how many calls were on their way. Meters that live are
    not touched."""
    recovered = 0
    for meter in unfinished_meters(ledger):
        if meter.is_alive:
            continue
        with ledger.write() as connection:
            recovered += abandon(connection, read_caps(connection), meter.instance_id, now)
            clear_line(connection, meter.instance_id, now)
            close_questions(connection, meter.instance_id, now)
            mark_stopped(connection, meter.instance_id, now)
    return recovered
