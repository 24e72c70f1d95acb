from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from app.ledger.engine import open_ledger
from app.ledger.rollup import rolled_up
from app.ledger.spend import spend_between
from proxy_addon.rolling import AT_ONCE
from tests.bench_admission import fill
from tests.end2end.meter_process import meter, wait_until


def test_a_running_meter_rolls_calls_up_and_no_sum_changes_by_it(home: Path) -> None:
    ledger = open_ledger(home / "ledger.sqlite")
    fill(ledger, 2 * AT_ONCE + 1)
    ever = datetime.now(UTC) - timedelta(days=400), datetime.now(UTC) + timedelta(days=1)
    before = spend_between(ledger, *ever)

    def through() -> int:
        with ledger.read() as connection:
            return int(connection.execute(select(rolled_up)).scalar_one())

    assert through() == 0
    with meter(home, {}):
        wait_until(lambda: through() == 2 * AT_ONCE, "two batches of calls")
    assert spend_between(ledger, *ever) == before
    assert before.calls == 2 * AT_ONCE + 1
    ledger.close()
