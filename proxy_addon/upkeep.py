"""What a meter does for its ledger beside metering: sums, backups, and dropping what is older than a person keeps.

Each is done in small steps with pauses, by the writer where rows are written and in a thread of its own where a file
is copied, so that no call waits for it.
"""

import asyncio
import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.core.errors import AppError
from app.ledger.backups import back_up_if_due
from proxy_addon.arguments import Arguments
from proxy_addon.recorder import Recorder
from proxy_addon.rolling import keep_rolled_up

FIRST_BACKUP_AFTER_S = 60.0
"""A start is busy enough without it."""
BACKUP_LOOK_EVERY_S = 900.0

logger = logging.getLogger(__name__)


def start_upkeep(recorder: Recorder, path: Path, arguments: Arguments) -> "asyncio.Future[Any]":
    """Begin, on the running event loop. Ends only by being cancelled."""
    return asyncio.gather(keep_rolled_up(recorder), keep_backed_up(path, arguments.backups_kept))


async def keep_backed_up(path: Path, kept: int, *, first_after_s: float = FIRST_BACKUP_AFTER_S) -> None:
    """Back the ledger up once a day, unless somebody else has."""
    stopping = threading.Event()
    try:
        await asyncio.sleep(first_after_s)
        while True:
            try:
                now = datetime.now(UTC)
                await asyncio.to_thread(back_up_if_due, path, now, kept=kept, is_wanted=lambda: not stopping.is_set())
            except AppError as error:
                logger.warning("the ledger was not backed up: %s", error)
            await asyncio.sleep(BACKUP_LOOK_EVERY_S)
    finally:
        stopping.set()
