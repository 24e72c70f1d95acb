"""A running meter whose ledger breaks: nothing is sent that cannot be recorded, what was sent is not lost, and it goes
on by itself once the ledger is back."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.call import Outcome
from app.core.errors import LedgerError
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger import places
from app.ledger.backups import back_up
from app.ledger.ballast import Room, ballast_file, room_for
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import running_meter
from app.ledger.restoring import restore_ledger
from app.ledger.soundness import Soundness, quick_check
from app.ledger.verification import verify_ledger
from tests.end2end.bare_http import CHAT, post
from tests.end2end.conftest import home, provider  # noqa: F401 - fixtures
from tests.end2end.meter_process import RunningMeter, meter, read_event, start_process, stop_process, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.faults.cells import cell
from tests.ledger.bookkeeping import set_cap

pytestmark = pytest.mark.end2end

BODY = b'{"model": "gpt-5-mini", "messages": []}'
LIMIT = 10**12
_STARTS = "503 that says what to do, no empty ledger; goes on by itself after the restore"


@dataclass
class OnItsWay:
    """A call that was sent and is not answered yet; `end` lets the provider answer and gives the client's status."""

    end: Callable[[], int]


def wait_for(event: threading.Event) -> None:
    event.wait(60)


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:  # noqa: F811
    provider.answer = lambda _seen: chat_completion(10, 5)
    with meter(home, {"openai": provider.url}) as started:
        set_cap(started.ledger, LIMIT)
        yield started


@pytest.fixture
def on_its_way(running: RunningMeter, provider: Provider) -> Iterator[OnItsWay]:  # noqa: F811
    release = threading.Event()
    held = chat_completion(10, 5)
    held.before_each_chunk = lambda _number: wait_for(release)
    provider.answer = lambda _seen: held
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(post, running, CHAT, BODY)
        wait_until(lambda: provider.seen, "the call to be sent")
        provider.answer = lambda _seen: chat_completion(10, 5)

        def end() -> int:
            release.set()
            return int(sent.result(30)[0])

        yield OnItsWay(end)
        release.set()


def damage(ledger: Ledger) -> None:
    """Overwrite all but the first page, where a running meter will look: not in its memory and not in the WAL."""
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE caps SET created_at = created_at")
    with closing(sqlite3.connect(ledger.path)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0
    size = ledger.path.stat().st_size
    with ledger.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def say(answer: bytes) -> str:
    return str(json.loads(answer)["error"]["message"])


@cell("F11", "pages overwritten", "a call on its way", "503; kept aside; the call is settled after the restore")
def test_damaged_in_use_calls_are_refused_until_it_is_restored_and_the_one_on_its_way_is_not_lost(
    running: RunningMeter,
    provider: Provider,  # noqa: F811
    on_its_way: OnItsWay,
) -> None:
    path = running.ledger.path
    back_up(path, datetime.now(UTC))
    damage(running.ledger)
    status, headers, answer = post(running, CHAT, BODY)
    assert (status, headers["retry-after"]) == (503, "5")
    assert "bursar ledger restore" in say(answer)
    wait_until(lambda: not path.exists(), "the damaged ledger to be moved aside")
    assert on_its_way.end() == 200, "what was sent is answered"
    status, _, answer = post(running, CHAT, BODY)
    assert status == 503
    assert "The ledger is gone" in say(answer)
    assert len(provider.seen) == 1, "nothing more was sent"
    assert not path.exists(), "no empty ledger was made"

    restored = restore_ledger(path, datetime.now(UTC))

    assert restored.damaged is not None
    wait_until(lambda: post(running, CHAT, BODY)[0] == 200, "the meter to go on")
    calls = running.calls(2)
    assert [call.outcome for call in calls if call.cost_nano_usd] == [Outcome.COMPLETED] * 2
    assert running_meter(running.ledger) is not None
    assert verify_ledger(running.ledger).differences == ()
    assert quick_check(path) is Soundness.SOUND


@cell("F11", "file deleted", "in use", "503, no empty ledger; goes on by itself after the restore")
def test_deleted_in_use_calls_are_refused_until_it_is_restored(
    running: RunningMeter,
    provider: Provider,  # noqa: F811
) -> None:
    path = running.ledger.path
    assert post(running, CHAT, BODY)[0] == 200
    running.calls(1)
    back_up(path, datetime.now(UTC))
    for ending in ("", "-wal", "-shm"):
        places.beside(path, ending).unlink(missing_ok=True)
    status, _, answer = post(running, CHAT, BODY)
    assert status == 503
    assert "The ledger is gone" in say(answer)
    assert not path.exists()
    restore_ledger(path, datetime.now(UTC))
    assert post(running, CHAT, BODY)[0] == 200
    assert len(running.calls(2)) == 2
    assert len(provider.seen) == 2


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damaged", [
    pytest.param(cut_in_half, marks=cell("F11", "file cut in half", "a meter starts", _STARTS)),
    pytest.param(Path.unlink, marks=cell("F11", "file deleted", "a meter starts", _STARTS)),
])  # fmt: skip
def test_a_meter_starts_without_its_ledger_and_takes_it_up_once_it_is_restored(
    home: Path,  # noqa: F811
    provider: Provider,  # noqa: F811
    damaged: Callable[[Path], None],
) -> None:
    provider.answer = lambda _seen: chat_completion(10, 5)
    path = home / "ledger.sqlite"
    ledger = open_ledger(path)
    _key, token = issue_key(ledger, name="test", tags=Tags(project="billing-api"))
    set_cap(ledger, LIMIT)
    back_up(path, datetime.now(UTC))
    ledger.close()
    damaged(path)
    process = start_process(home, {"openai": provider.url})
    event = read_event(process)
    assert event["event"] == "ready"
    running = RunningMeter(process, str(event["gateway"]), str(event["forward"]), ledger, token, home)
    status, headers, answer = post(running, CHAT, BODY)
    assert (status, headers["retry-after"]) == (503, "5")
    assert "bursar ledger restore" in say(answer)
    assert not path.exists(), "no empty ledger was made"
    assert provider.seen == []

    restore_ledger(path, datetime.now(UTC))

    wait_until(lambda: post(running, CHAT, BODY)[0] == 200, "the meter to take it up")
    ledger = open_ledger(path)
    found = running_meter(ledger)
    assert found is not None
    assert found.pid == process.pid
    wait_until(lambda: len(recent_calls(ledger)) == 1, "the call in the ledger")
    ledger.close()
    stop_process(process)
    assert process.returncode == 0
    assert process.stdout is not None
    process.stdout.close()


@cell("F11", "file deleted", "a meter starts, and is told to end", "it ends as any other does")
def test_a_meter_without_its_ledger_ends_when_told_to(home: Path) -> None:  # noqa: F811
    path = home / "ledger.sqlite"
    open_ledger(path).close()
    places.meters_folder(path).mkdir(mode=0o700)
    path.unlink()
    process = start_process(home, {})
    assert read_event(process)["event"] == "ready"
    stop_process(process)
    assert process.returncode == 0
    assert process.stdout is not None
    process.stdout.close()
    assert not path.exists()


@cell("F11", "somebody else's file", "a meter starts", "no start; the file is left where it is")
def test_a_meter_does_not_start_on_somebody_elses_file(home: Path) -> None:  # noqa: F811
    (home / "ledger.sqlite").write_bytes(b"somebody's diary " * 500)
    process = start_process(home, {})
    assert read_event(process)["event"] == "failed"
    assert process.wait(20) == 3
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    assert (home / "ledger.sqlite").read_bytes().startswith(b"somebody's diary")


@cell("F9", "locked for 30 s", "calls are asked for and answered", "refused for now, nothing lost, nothing doubled")
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_locked_for_30_s_calls_are_refused_and_nothing_is_lost_or_doubled(
    running: RunningMeter,
    provider: Provider,  # noqa: F811
    on_its_way: OnItsWay,
) -> None:
    lock = sqlite3.connect(running.ledger.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    until = time.monotonic() + 30
    assert on_its_way.end() == 200
    refused = 0
    while time.monotonic() < until:
        status, headers, answer = post(running, CHAT, BODY)
        assert (status, headers["retry-after"]) == (503, "5")
        assert "The ledger is busy" in say(answer)
        refused += 1
    lock.execute("ROLLBACK")
    lock.close()
    assert refused >= 4
    assert [call.outcome for call in running.calls(1)] == [Outcome.COMPLETED]
    assert post(running, CHAT, BODY)[0] == 200
    wait_until(lambda: len(recent_calls(running.ledger)) == 2, "two calls")
    assert len(provider.seen) == 2
    assert verify_ledger(running.ledger).differences == ()


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a disk of 24 MB. Only root may make one."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no disk of its own size can be made here")
    monkeypatch.setenv("BURSAR_HOME", str(disk))
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


@cell("F5", "disk full", "calls are asked for", "503, nothing sent, until there is room")
@cell("F6", "disk full", "calls are answered", "the ballast goes, they are settled")
def test_on_a_full_disk_the_call_on_its_way_is_settled_and_others_wait_until_there_is_room(
    small_disk: Path,
    provider: Provider,  # noqa: F811
) -> None:
    release = threading.Event()
    held = chat_completion(10, 5)
    held.before_each_chunk = lambda _number: wait_for(release)
    provider.answer = lambda _seen: held
    with meter(small_disk, {"openai": provider.url}) as running, ThreadPoolExecutor(40) as pool:
        set_cap(running.ledger, LIMIT)
        sent = [pool.submit(post, running, CHAT, BODY) for _ in range(40)]
        wait_until(lambda: len(provider.seen) == 40, "the calls to be sent")
        assert room_for(running.ledger.path) is Room.LOW, "of 24 MB"
        fill(small_disk)
        statuses = [post(running, CHAT, BODY) for _ in range(3)]
        while statuses[-1][0] != 503:  # the WAL has some room of its own
            statuses.append(post(running, CHAT, BODY))
        assert "The disk is full" in say(statuses[-1][2])
        wait_until(lambda: ballast_file(running.ledger.path).stat().st_size == 0, "the ballast to be given up")
        assert room_for(running.ledger.path) is Room.FULL
        seen = len(provider.seen)
        release.set()
        assert [one.result(30)[0] for one in sent] == [200] * 40
        wait_until(lambda: len(recent_calls(running.ledger)) >= 40, "the calls to be settled")
        assert post(running, CHAT, BODY)[0] == 503
        assert len(provider.seen) == seen
        (small_disk / "filler").unlink()
        wait_until(lambda: post(running, CHAT, BODY)[0] == 200, "calls to go on")
        assert ballast_file(running.ledger.path).stat().st_size > 0
        assert verify_ledger(running.ledger).differences == ()


@cell("F7", "disk read-only", "a meter starts", "no start, and says why")
def test_on_a_read_only_disk_the_meter_does_not_start_and_says_why(small_disk: Path) -> None:
    with meter(small_disk, {}) as first:
        path = first.ledger.path
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    process = start_process(small_disk, {})
    event = read_event(process)
    assert event["event"] == "failed"
    assert "ead-only" in f"{event['title']} {event['message']}", event
    assert process.wait(20) == 3
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    with pytest.raises(LedgerError, match="cannot be opened"):
        open_ledger(path)
