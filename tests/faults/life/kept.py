"""A keeper and its meter for one test: the real meter, or a program that plays it; killed, and seen back.

with kept_meter(home, {"openai": provider.url}) as kept:
    before = kept.kill_meter()
    kept.wait_for_another(before)
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.engine import Ledger, open_ledger
from app.services import keeper
from app.services.keeper import Keeper, KeeperPhase, keeper_command, keepers_of
from app.services.kept_meter import KeptMeter
from app.services.settings import Settings
from tests.end2end.meter_process import KEYS, read_event, wait_until

PLAYED = Path(__file__).with_name("played_meter.py")
ROOT = Path(__file__).parents[3]
FREE = Settings(gateway_port=0, forward_port=0)


@dataclass
class Kept:
    """A meter that is kept, on a ledger with a virtual key that it accepts."""

    meter: KeptMeter
    ledger: Ledger
    token: str

    @property
    def gateway(self) -> str:
        """Where it is called."""
        return self.meter.gateway_url

    def keeper(self) -> Keeper:
        """What the keeper says of itself now."""
        return only_keeper(self.ledger.path)

    def kill_meter(self) -> Keeper:
        """Kill the meter that serves. Gives what its keeper said before."""
        wait_until(lambda: self.keeper().phase is KeeperPhase.RUNNING, "a meter that serves", 60)
        before = self.keeper()
        os.kill(before.meter_pid, signal.SIGKILL)
        return before

    def wait_for_another(self, before: Keeper) -> float:
        """Until another meter serves. Gives the seconds that took."""
        began = time.monotonic()
        wait_until(lambda: is_another(self.ledger.path, before), "another meter", 60)
        return time.monotonic() - began


@contextmanager
def kept_meter(
    home: Path, upstreams: Mapping[str, str], keys: Mapping[str, str] | None = KEYS, most_deaths: int = 5
) -> Iterator[Kept]:
    """The real meter, kept as `bursar proxy` keeps it, on free ports. `most_deaths` within a minute are too many: give
    more to a test that kills it often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper, "MOST_DEATHS", most_deaths)
        patch.setenv("PYTHONPATH", str(ROOT))
        ledger = open_ledger(home / "ledger.sqlite")
        _key, token = issue_key(ledger, name="test", tags=Tags(project="billing-api", agent="test", user="me"))
        settings = Settings(gateway_port=0, forward_port=0, upstreams=dict(upstreams))
        meter = KeptMeter(settings, ledger.path, keys)
        try:
            yield Kept(meter, ledger, token)
        finally:
            meter.stop()
            ledger.close()


@dataclass
class Played:
    """A keeper whose meter is played."""

    process: subprocess.Popen[bytes]
    folder: Path
    event: dict[str, object]

    @property
    def ledger(self) -> Path:
        """Beside which it stands; there is none."""
        return self.folder / "ledger.sqlite"

    def keeper(self) -> Keeper:
        """What it says of itself now."""
        return only_keeper(self.ledger)

    def starts(self) -> list[list[str]]:
        """A line for each start of a meter: process id, and keys."""
        file = self.folder / "starts"
        return [line.split(" ", 1) for line in file.read_text().splitlines()] if file.exists() else []

    def behave(self, mode: str) -> None:
        """From the next start on."""
        (self.folder / "mode").write_text(mode)

    def call(self, port: int = 0) -> tuple[int, str]:
        """Status and body of an answer."""
        return call(port or self.keeper().gateway_port)

    def wait_for(self, phase: KeeperPhase) -> Keeper:
        """Until the keeper says so."""
        wait_until(lambda: any(one.phase is phase for one in keepers_of(self.ledger)), f"{phase}", 30)
        return self.keeper()

    def kill_meter(self, number: int = signal.SIGKILL) -> Keeper:
        """Kill the one that serves. Gives what the keeper said before."""
        before = self.wait_for(KeeperPhase.RUNNING)
        os.kill(before.meter_pid, number)
        return before

    def wait_for_another(self, before: Keeper) -> Keeper:
        """Until another meter serves."""
        wait_until(lambda: is_another(self.ledger, before), "another meter", 30)
        return self.keeper()

    def log(self) -> str:
        """All that the keeper wrote down."""
        return (self.folder / "log" / "keeper.log").read_text()


@contextmanager
def played(
    folder: Path, mode: str = "serve", keys: bytes = b"", settings: Settings = FREE, before: Sequence[str] = (),
    *, for_runs: bool = False, stays: bool = False,
) -> Iterator[Played]:  # fmt: skip
    """A keeper that was started, with a played meter; `event` is what was said first. `before` is what becomes it."""
    (folder / "mode").write_text(mode)
    command = keeper_command(
        [sys.executable, str(PLAYED), str(folder), "--stop-with-stdin"], settings, folder / "ledger.sqlite",
        keys_from_stdin=bool(keys), stop_with_stdin=True, for_runs=for_runs, stays=stays,
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*before, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    if keys:
        process.stdin.write(keys)
        process.stdin.flush()
    try:
        yield Played(process, folder, read_event(process) if mode not in ("hang", "die") else {})
    finally:
        process.stdin.close()
        kill_group(process)
        process.wait()
        process.stdout.close()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """A keeper and its meters, those too that it left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def only_keeper(ledger: Path) -> Keeper:
    """The one that is there."""
    (found,) = keepers_of(ledger)
    return found


def is_another(ledger: Path, before: Keeper) -> bool:
    """Whether a meter serves that is not the one of before."""
    return any(one.phase is KeeperPhase.RUNNING and one.meter_pid != before.meter_pid for one in keepers_of(ledger))


def call(port: int, method: str = "GET", path: str = "/", timeout_s: float = 20) -> tuple[int, str]:
    """Status and body of an answer at this port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
