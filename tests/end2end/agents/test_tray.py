"""A real agent at work while the tray's meter is killed and the tray is closed: it notices nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import request_stop, running_meter
from tests.end2end.agents.installed import cache_folder
from tests.end2end.agents.jobs import JOBS, Job, finish, make_place, played, start
from tests.end2end.agents.script import Bill
from tests.end2end.meter_process import KEYS, wait_until
from tests.secret_service import running_secret_service

pytestmark = [pytest.mark.agents, pytest.mark.end2end, pytest.mark.keyring, pytest.mark.timeout(1200)]

SOURCE = Path(__file__).parents[3]
START_S = 60.0


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def tray(home: Path, job: Job, url: str) -> Iterator[tuple[subprocess.Popen[bytes], Ledger]]:
    """A real tray without a screen, whose meter is up and has the provider's key out of the keyring."""
    settings = {"gateway_port": free_port(), "forward_port": free_port(), "upstreams": {job.provider: url}}
    (home / "settings.json").write_text(json.dumps(settings))
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "QT_QPA_PLATFORM": "offscreen"}
    bursar = [sys.executable, "-m", "app"]
    subprocess.run([*bursar, "keys", "provider", "set", job.provider], env=environment, check=True, text=True,
                   input=KEYS[job.provider], capture_output=True)  # fmt: skip
    ledger = open_ledger(home / "ledger.sqlite")
    running = subprocess.Popen(bursar, env=environment, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: running_meter(ledger), "the tray's meter", START_S)
        yield running, ledger
    finally:
        running.terminate()
        running.wait(START_S)
        meter = running_meter(ledger)
        if meter is not None:
            request_stop(ledger, meter.instance_id)
            wait_until(lambda: running_meter(ledger) is None, "the meter's end", START_S)
        ledger.close()


class InTurn:
    """Does each of these once, when the next answer that costs is about to be sent."""

    def __init__(self, bill: Bill) -> None:
        self.deeds: list[Callable[[], None]] = []
        self._bill = bill
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            costing = sum(line[3] > 0 for line in self._bill.lines)
            if costing > self._seen and self.deeds:
                self._seen = costing
                self.deeds.pop(0)()


@pytest.mark.parametrize("name", ["claude", "codex-socket", "opencode"])
def test_a_job_finishes_while_the_meter_is_killed_and_the_tray_closed(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = JOBS[name]
    monkeypatch.setenv("BURSAR_AGENTS_CACHE", str(cache_folder()))  # the keyring has a home of its own
    model, place = job.model(), make_place(tmp_path, job)
    in_turn = InTurn(model.bill)
    (tmp_path / "desktop").mkdir()
    with (
        running_secret_service(tmp_path / "desktop", monkeypatch),
        played(job, model, in_turn) as provider,
        tray(home, job, provider.url) as (running, ledger),
    ):
        first = running_meter(ledger)
        assert first is not None

        def kill_meter() -> None:
            os.kill(first.pid, signal.SIGKILL)

        def close_tray() -> None:
            running.terminate()
            running.wait(START_S)

        in_turn.deeds = [kill_meter, close_tray]
        ended = finish(start(job, place, home))
        assert ended.status == 0, ended.shown
        assert place.parts == job.parts
        assert in_turn.deeds == []
        assert running.returncode == 0
        wait_until(lambda: len(recent_calls(ledger, 100)) >= len(model.bill.lines), "each answer to be in the ledger")
        last = running_meter(ledger)
        assert last is not None
        assert last.pid != first.pid
