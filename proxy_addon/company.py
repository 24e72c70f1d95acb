"""A meter that `bursar run` started ends once no run is left that could use it."""

import logging
import threading
import time

from app.core.errors import LedgerError
from app.ledger.attendance import any_run, at_the_door
from app.ledger.engine import Ledger
from app.ledger.meter_state import request_stop

LOOK_S = 0.25
_LOG = logging.getLogger(__name__)


def stop_without_runs(ledger: Ledger, instance_id: str) -> None:
    """Watch from now on, on a thread, and ask this meter to stop when the last run has ended."""
    threading.Thread(target=_watch, args=(ledger, instance_id), name="runs", daemon=True).start()


def _watch(ledger: Ledger, instance_id: str) -> None:
    while not _has_said_stop(ledger, instance_id):
        time.sleep(LOOK_S)


def _has_said_stop(ledger: Ledger, instance_id: str) -> bool:
    """Said at the door: a run that comes meanwhile sees that this meter is about to end, and starts another."""
    if any_run(ledger):
        return False
    try:
        with at_the_door(ledger, patience_s=0.0) as is_alone:
            if not is_alone or any_run(ledger):
                return False
            request_stop(ledger, instance_id)
    except LedgerError as error:
        _LOG.warning("%s", error)
        return False
    return True
