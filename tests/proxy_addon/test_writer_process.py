"""The process that writes the ledger, without a meter around it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import paths
from app.core.errors import KeyRejected, MeterError
from app.ledger.cap_store import cap_statuses
from app.ledger.engine import Ledger, open_ledger
from app.ledger.group_writer import Writing
from app.ledger.key_store import holder_of
from app.ledger.meter_state import is_alive
from proxy_addon import writer_process
from proxy_addon.clock import Clock
from proxy_addon.gate import Gate
from proxy_addon.recorder import Recorder
from proxy_addon.writer import OperationFailed
from proxy_addon.writer_process import Opened, WriterProcess
from tests.ledger.bookkeeping import make_draft, set_cap


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A throw-away home, for the log."""
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path / "home"))


type Story = Callable[[Recorder, Opened], Awaitable[None]]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], Ledger]:
    """Tells a story to a writer that was begun as where a process cannot be forked: it knows only what it is told."""
    monkeypatch.setattr(writer_process, "_START", "spawn")

    def play(story: Story) -> Ledger:
        process = WriterProcess()
        ledger = open_ledger(tmp_path / "ledger.sqlite")
        set_cap(ledger, 1_000)
        opened = process.begin(ledger)

        async def tell() -> None:
            recorder = Recorder()
            await recorder.begin(process.line)
            await story(recorder, opened)
            await recorder.stop()

        asyncio.run(tell())
        process.end()
        return ledger

    return play


def test_money_is_held_by_a_process_of_its_own_which_closes_the_books_at_its_end(
    played: Callable[[Story], Ledger],
) -> None:
    seen = []

    async def story(recorder: Recorder, opened: Opened) -> None:
        seen.append(opened.instance_id)
        passage = await Gate(recorder, opened.instance_id, Clock()).pass_through(make_draft(60), patience_s=1)
        assert passage.is_open
        assert passage.remaining_nano_usd == 1_000

    ledger = played(story)
    (status,) = cap_statuses(ledger, datetime.now(UTC))
    assert (status.held_nano_usd, status.spent_nano_usd) == (0, 60), "nobody told what became of the call"
    assert not is_alive(ledger, seen[0])
    ledger.close()


def test_errors_for_people_come_back_and_bugs_only_by_their_kind(played: Callable[[Story], Ledger]) -> None:
    async def story(recorder: Recorder, _opened: Opened) -> None:
        with pytest.raises(KeyRejected, match="Unknown"):
            await recorder.run(Writing(holder_of, "nobody's", datetime.now(UTC)))
        with pytest.raises(OperationFailed, match="TypeError"):
            await recorder.run(Writing(holder_of))
        with pytest.raises(AttributeError):
            await recorder.run(lambda _desk: None)
        assert await recorder.run(Writing(_name)) == "sqlite"

    played(story).close()
    assert "an operation on the ledger failed" in (paths.log_folder() / writer_process.LOG_NAME).read_text()


def test_a_writer_that_has_ended_and_a_lock_that_cannot_be_had_are_told_as_what_they_are(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    (tmp_path / "ledger.sqlite.meters").write_bytes(b"")
    process = WriterProcess()
    with pytest.raises(FileExistsError):
        process.begin(ledger)
    with pytest.raises(MeterError, match="has ended"):
        process.begin(ledger)
    process.end()
    ledger.close()


def _name(connection: object) -> str:
    return str(getattr(connection, "dialect").name)  # noqa: B009
