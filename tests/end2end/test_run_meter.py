"""The meter behind `bursar run` without a tray: back when it dies, one for all runs, gone with the last of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import Meter, request_stop, running_meter, unfinished_meters
from tests.end2end.meter_process import KEYS, wait_until
from tests.end2end.provider import Answer, Provider, Seen
from tests.secret_service import running_secret_service

pytestmark = [pytest.mark.end2end, pytest.mark.keyring]

MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}  # fmt: skip
JOB = """
import pathlib, sys, time
told, turns = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for turn in range(turns):
    call()
    with told.open("a") as file:
        file.write("x")
    while not told.with_name(f"{told.name}-{turn}").exists():
        time.sleep(0.02)
"""
SDK_CALL = """
import anthropic
client = anthropic.Anthropic(max_retries=8)
def call():
    client.messages.create(model="claude-haiku-4-5", max_tokens=100, messages=[{"role": "user", "content": "Go on"}])
"""
BARE_CALL = """
import os, urllib.request
BODY = b'{"model": "claude-haiku-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Go on"}]}'
HEADERS = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json"}
def call():
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    urllib.request.urlopen(urllib.request.Request(url, BODY, HEADERS)).read()
"""


@dataclass
class Runs:
    """Starts programs under `bursar run` that stop after each turn until they are let go on."""

    folder: Path
    ledger: Ledger
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, name: str, turns: int, call: str = BARE_CALL) -> subprocess.Popen[str]:
        """A program that makes this many calls."""
        command = [sys.executable, "-m", "app", "run", "--project", name, "--", sys.executable, "-c", call + JOB]
        command += [str(self.folder / name), str(turns)]
        one = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
        self.started.append(one)
        return one

    def let_go_on(self, name: str, turn: int) -> None:
        """Past this turn."""
        (self.folder / f"{name}-{turn}").touch()

    def wait_for(self, name: str, turns: int) -> None:
        """Until it has had this many answers."""
        told = self.folder / name
        wait_until(lambda: told.exists() and len(told.read_text()) >= turns, f"turn {turns} of {name}", 60)

    def meter(self) -> Meter:
        """The one that runs."""
        meter = running_meter(self.ledger)
        assert meter is not None
        return meter

    def kill_meter(self) -> Meter:
        """Kill it and see another one come; gives that one."""
        first = self.meter()
        os.kill(first.pid, signal.SIGKILL)
        wait_until(lambda: self._other_than(first), "another meter", 30)
        return self.meter()

    def _other_than(self, first: Meter) -> bool:
        meter = running_meter(self.ledger)
        return meter is not None and meter.pid != first.pid


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """A home without a tray, whose provider answers each call and whose keyring has the key."""
    home, desktop = tmp_path / "home", tmp_path / "desktop"
    for folder in (home, desktop):
        folder.mkdir(mode=0o700)
    monkeypatch.setenv("BURSAR_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with (
        running_secret_service(desktop, monkeypatch),
        Provider(answer).running() as provider,
    ):
        (home / "settings.json").write_text(json.dumps({"upstreams": {"anthropic": provider.url}}))
        subprocess.run([sys.executable, "-m", "app", "keys", "provider", "set", "anthropic"], check=True, text=True,
                       input=KEYS["anthropic"], capture_output=True)  # fmt: skip
        ledger = open_ledger(home / "ledger.sqlite")
        jobs = Runs(tmp_path, ledger)
        yield jobs
        for one in jobs.started:
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)  # with the program it started
            one.communicate()
        for meter in unfinished_meters(ledger):
            request_stop(ledger, meter.instance_id)
        wait_until(lambda: running_meter(ledger) is None, "the end of the meter", 30)
        ledger.close()


def answer(seen: Seen) -> Answer:
    """One message, whatever is asked."""
    return Answer([json.dumps(MESSAGE).encode()])


def test_a_meter_that_is_killed_in_the_middle_of_a_job_is_back_at_its_address(runs: Runs) -> None:
    job = runs.start("web-shop", 2, SDK_CALL)
    runs.wait_for("web-shop", 1)
    first = runs.meter()
    os.kill(first.pid, signal.SIGKILL)
    runs.let_go_on("web-shop", 0)  # its next call finds nobody there, or the new one
    runs.wait_for("web-shop", 2)
    second = runs.meter()
    runs.let_go_on("web-shop", 1)
    _, told = job.communicate(timeout=60)
    assert job.returncode == 0, told
    assert (second.gateway_url, second.forward_url) == (first.gateway_url, first.forward_url)
    assert second.pid != first.pid
    assert [line for line in told.splitlines() if "stopp" in line] == []
    assert "bursar: 2 calls, " in told
    assert {call.tags.project for call in recent_calls(runs.ledger)} == {"web-shop"}
    assert running_meter(runs.ledger) is None


def test_two_runs_share_one_meter_which_comes_back_once_and_ends_with_the_last(runs: Runs) -> None:
    first = runs.start("first", 2)
    runs.wait_for("first", 1)
    second = runs.start("second", 3)
    runs.wait_for("second", 1)
    was = runs.meter()
    now = runs.kill_meter()
    assert now.gateway_url == was.gateway_url
    for name in ("first", "second"):
        runs.let_go_on(name, 0)
        runs.wait_for(name, 2)
    assert len([meter for meter in unfinished_meters(runs.ledger) if meter.is_alive]) == 1
    runs.let_go_on("first", 1)
    assert first.wait(60) == 0
    assert runs.meter().pid == now.pid
    runs.let_go_on("second", 1)
    runs.wait_for("second", 3)
    runs.let_go_on("second", 2)
    assert second.wait(60) == 0
    wait_until(lambda: running_meter(runs.ledger) is None, "the end of the meter with the last run")


def test_a_meter_that_cannot_come_back_is_told_when_the_agent_has_ended(runs: Runs) -> None:
    job = runs.start("web-shop", 1)
    runs.wait_for("web-shop", 1)
    request_stop(runs.ledger, runs.meter().instance_id)
    wait_until(lambda: running_meter(runs.ledger) is None, "the end of the meter")
    runs.let_go_on("web-shop", 0)
    _, told = job.communicate(timeout=60)
    assert job.returncode == 0
    assert told.splitlines()[1] == (
        "bursar: The meter was told to stop while this ran. What came after it is not in this bill."
    )


def test_a_run_that_is_killed_leaves_its_meter_to_the_others_and_none_when_it_was_the_last(runs: Runs) -> None:
    first, second = runs.start("first", 1), runs.start("second", 2)
    for name in ("first", "second"):
        runs.wait_for(name, 1)
    meter = runs.meter()
    first.kill()
    runs.let_go_on("first", 0)
    runs.let_go_on("second", 0)
    runs.wait_for("second", 2)
    assert runs.meter().pid == meter.pid
    second.kill()
    runs.let_go_on("second", 1)
    wait_until(lambda: running_meter(runs.ledger) is None, "the end of the meter without runs")
