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
from app.ledger.engine import Ledger
from app.ledger.group_writer import Writing
from app.ledger.recovery import recover_dead_instances
from app.ledger.retention import BREATH_S, drop, droppable, limit_of
from proxy_addon.arguments import Arguments
from proxy_addon.recorder import Recorder
from proxy_addon.rolling import keep_rolled_up

FIRST_BACKUP_AFTER_S = 60.0
"""A start is busy enough without it."""
BACKUP_LOOK_EVERY_S = 900.0
OLD_LOOK_EVERY_S = 3_600.0
RECOVERY_EVERY_S = 30.0

logger = logging.getLogger(__name__)


def start_upkeep(recorder: Recorder, ledger: Ledger, arguments: Arguments) -> "asyncio.Future[Any]":
    """Begin, on the running event loop. Ends only by being cancelled."""
    tasks = [keep_rolled_up(recorder), keep_recovered(ledger), keep_backed_up(ledger.path, arguments.backups_kept)]
    if arguments.retention_days:
        tasks.append(keep_within(recorder, ledger, arguments.retention_days))
    return asyncio.gather(*tasks)


async def keep_within(recorder: Recorder, ledger: Ledger, days: int) -> None:
    """Drop calls that are older than so many days, a few at a time."""
    while True:
        before, last = limit_of(datetime.now(UTC), days), 0
        try:
            while rows := await asyncio.to_thread(droppable, ledger, before, last):
                await recorder.run(Writing(drop, before, rows))
                last = rows[-1]
                await asyncio.sleep(BREATH_S)
        except AppError as error:
            logger.warning("old calls cannot be dropped: %s", error)
        await asyncio.sleep(OLD_LOOK_EVERY_S)


async def keep_recovered(ledger: Ledger, *, every_s: float = RECOVERY_EVERY_S) -> None:
    """End what other meters left behind. The writer of one that died lives a little longer than that, and may end
    before the ledger lets it close the books, when another meter has begun already."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.to_thread(recover_dead_instances, ledger, datetime.now(UTC))
        except AppError as error:
            logger.warning("what another meter left behind cannot be ended: %s", error)


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
