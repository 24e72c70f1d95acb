import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.ledger.backups import list_backups
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.rollup import roll_up
from proxy_addon.upkeep import keep_backed_up, keep_recovered, keep_within
from tests.ledger.bookkeeping import make_draft, reserve, spend_money
from tests.threaded_recorder import ThreadedRecorder

PATIENCE_S = 20.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite", checkpoints=True)
    yield opened
    opened.close()


async def until_done(ledger: Ledger, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(await asyncio.to_thread(recent_calls, ledger)) != count:
            await asyncio.sleep(0.02)


def test_a_meter_drops_what_is_older_than_is_kept(ledger: Ledger) -> None:
    for days in (1, 59, 61, 100):
        spend_money(ledger, 1, at=datetime.now(UTC) - timedelta(days=days))
    with ledger.write() as connection:
        roll_up(connection, 100)

    async def keep() -> None:
        keeping = asyncio.create_task(keep_within(ThreadedRecorder(ledger), ledger, 60))
        await until_done(ledger, 2)
        keeping.cancel()

    asyncio.run(keep())


def test_a_meter_backs_its_ledger_up_once(ledger: Ledger) -> None:
    async def keep() -> None:
        keeping = [asyncio.create_task(keep_backed_up(ledger.path, 7, first_after_s=0)) for _ in range(2)]
        async with asyncio.timeout(PATIENCE_S):
            while not list_backups(ledger.path):
                await asyncio.sleep(0.02)
        for one in keeping:
            one.cancel()

    asyncio.run(keep())
    assert len(list_backups(ledger.path)) == 1


def test_a_meter_ends_what_is_left_by_one_that_died_after_it_began(ledger: Ledger) -> None:
    async def keep() -> None:
        dying = InstanceLock(ledger)
        register_meter(ledger, dying.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
        reserve(ledger, make_draft(7), instance=dying.instance_id)
        keeping = asyncio.create_task(keep_recovered(ledger, every_s=0.02))
        dying.release()
        await until_done(ledger, 1)
        keeping.cancel()

    asyncio.run(keep())
