"""What `--floor` measures is what it says: calls go through, one row each is durable, and nothing is metered."""

from pathlib import Path

import pytest

from app.ledger.call_store import recent_calls
from tests.bench.rungs import RUNGS, becoming
from tests.end2end.bare_http import CHAT, post
from tests.end2end.conftest import home  # noqa: F401 - a fixture
from tests.end2end.meter_process import meter
from tests.end2end.provider import Provider, chat_completion
from tests.faults.life.clients import BODY

pytestmark = pytest.mark.end2end


@pytest.mark.parametrize("rung", RUNGS)
def test_a_meter_on_a_rung_sends_calls_and_meters_none(home: Path, rung: str) -> None:  # noqa: F811
    with (
        Provider(lambda _seen: chat_completion(10, 5)).running() as provider,
        meter(home, {"openai": provider.url}, before=becoming(rung)) as running,
    ):
        assert [post(running, CHAT, BODY)[0] for _ in range(3)] == [200] * 3
        assert len(provider.seen) == 3
        assert recent_calls(running.ledger) == []
        with running.ledger.read() as connection:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'floor'").all()
            rows = connection.exec_driver_sql("SELECT count(*) FROM floor").scalar() if tables else None
    assert rows == (3 if rung == "row" else None)
