"""Telling a receiver of every call as it ends, each at least once and in order, over restarts of either side."""

import logging
import threading
from collections.abc import Callable, Sequence

from app.core.errors import AppError, ExportError
from app.ledger.engine import Ledger
from app.ledger.export_places import Ended, ended_after, newest_place, note_place, place_of
from app.ledger.feed import ChangeWatch

MOST_AT_ONCE = 200
LOOK_EVERY_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0

logger = logging.getLogger(__name__)


def begin_at(ledger: Ledger, receiver: str, *, with_past: bool) -> int:
    """Where to go on for a receiver. One that is new is told of what comes from now on, or of the past as well."""
    place = place_of(ledger, receiver)
    if place is None:
        place = 0 if with_past else newest_place(ledger)
        note_place(ledger, receiver, place)
    return min(place, newest_place(ledger))  # a ledger that was restored may end earlier


def follow(
    ledger: Ledger,
    receiver: str,
    send: Callable[[Sequence[Ended]], object],
    stop: threading.Event,
    *,
    on_trouble: Callable[[AppError], object] = lambda error: None,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Send until `stop` is set. What does not arrive is sent again after pauses that grow; a place is noted only once
    all before it has arrived. `send` raises ExportError. Raises LedgerError."""
    place, watch, pause_s = begin_at(ledger, receiver, with_past=False), ChangeWatch(ledger), first_pause_s
    try:
        while not stop.is_set():
            ended = ended_after(ledger, place, MOST_AT_ONCE)
            if not ended:
                while not watch.changed() and not stop.wait(LOOK_EVERY_S):
                    pass
                continue
            try:
                send(ended)
            except ExportError as error:
                on_trouble(error)
                logger.warning("%s", error)
                stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            place, pause_s = ended[-1].row_id, first_pause_s
            note_place(ledger, receiver, place)
    finally:
        watch.close()
