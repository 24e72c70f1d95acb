"""The race itself: real meters on one ledger, processes full of agents, a provider that bills, kill -9 in between."""

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from app.core.caps import Action
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.cap_store import CapStatus, add_cap, cap_statuses
from app.ledger.engine import Ledger, open_ledger
from tests.end2end.meter_process import read_event, start_process, stop_process
from tests.race.biller import Biller
from tests.race.trades import TRADES, Trade

LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Rules:
    """One race. `cap_nano_usd` in nano-dollars; `kills` are spread evenly over the cap; after `seconds` agents give up,
    so that a hang is seen."""

    agents: int
    cap_nano_usd: int
    processes: int = 4
    meters: int = 1
    trade: str = "small"
    output_limit: int = 600
    kills: int = 0
    seconds: float = 300.0


@dataclass
class Result:
    """What came of it. Amounts in nano-dollars; `admission_s` from each agent to the provider, in seconds."""

    cap_nano_usd: int
    billed_nano_usd: int
    calls: int
    posted_nano_usd: int
    held_nano_usd: int
    kills: int
    seconds: float
    admission_s: list[float]
    answers: int = 0
    broken: int = 0
    unended: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    unfounded: list[str] = field(default_factory=list)

    @property
    def overshoot_nano_usd(self) -> int:
        """How far the provider's own bill is above the cap."""
        return max(0, self.billed_nano_usd - self.cap_nano_usd)

    @property
    def used(self) -> float:
        """The share of the cap that was truly spent."""
        return self.billed_nano_usd / self.cap_nano_usd

    def admission(self, percent: int) -> float:
        """A percentile of the seconds from agent to provider."""
        return quantiles(self.admission_s, n=100)[percent - 1] if len(self.admission_s) > 1 else 0.0


def race(rules: Rules) -> Result:
    """Run one race on a ledger of its own."""
    trade = TRADES[rules.trade](rules.output_limit)
    with tempfile.TemporaryDirectory() as folder, Biller(trade).running() as biller:
        home = Path(folder)
        ledger = open_ledger(home / "ledger.sqlite")
        _key, token = issue_key(ledger, name="race", tags=Tags(project="race", agent="racer"))
        add_cap(
            ledger, scope=Scope.PROJECT, scope_key="race", window=Window.TOTAL, limit_nano_usd=rules.cap_nano_usd,
            action=Action.BLOCK, time_zone="UTC",
        )  # fmt: skip
        started = time.monotonic()
        with _meters(home, trade, biller, rules.meters) as meters:
            runners = [_start_agents(rules, token, meters, number) for number in range(rules.processes)]
            try:
                kills = _watch(rules, biller, meters, runners)
                told = [json.loads(runner.communicate()[0]) for runner in runners]
            finally:
                for runner in runners:
                    runner.kill()
                    runner.wait()
            seconds = time.monotonic() - started
        result = _result(rules, biller, ledger, kills, seconds)
        ledger.close()
    for part in told:
        _add(result, part)
    return result


class _Racing:
    """A meter that can be killed and comes back on the same port, as its keeper would bring it back."""

    def __init__(self, home: Path, trade: Trade, biller: Biller) -> None:
        self._home = home
        self._upstreams = {trade.provider: biller.url}
        self._port = _free_port()
        self.gateway = f"http://127.0.0.1:{self._port}"
        self.process = self._start()

    def kill(self) -> None:
        """End it without a word, and start it again at once."""
        self.process.kill()
        self.process.wait()
        _close_pipes(self.process)
        self.process = self._start()

    def stop(self) -> None:
        """End it in order."""
        stop_process(self.process)
        _close_pipes(self.process)

    def _start(self) -> "subprocess.Popen[bytes]":
        extra = ("--gateway-port", str(self._port))
        process = start_process(self._home, self._upstreams, {"openai": "sk-real", "anthropic": "sk-ant-real"}, extra)
        event = read_event(process)
        assert event["event"] == "ready", event
        return process


@contextmanager
def _meters(home: Path, trade: Trade, biller: Biller, count: int) -> Iterator[list[_Racing]]:
    racing = [_Racing(home, trade, biller) for _ in range(count)]
    try:
        yield racing
        for meter in racing:
            meter.stop()
    finally:
        for meter in racing:
            meter.process.kill()
            meter.process.wait()


def _start_agents(rules: Rules, token: str, meters: list[_Racing], number: int) -> "subprocess.Popen[bytes]":
    share = rules.agents // rules.processes + (number < rules.agents % rules.processes)
    part = {
        "agents": share, "trade": rules.trade, "output_limit": rules.output_limit, "token": token,
        "gateways": [meter.gateway for meter in meters], "seconds": rules.seconds,
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.race.agents", json.dumps(part)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _watch(rules: Rules, biller: Biller, meters: list[_Racing], runners: "list[subprocess.Popen[bytes]]") -> int:
    """Kill a meter at each of its moments, until all agents are done. Returns how often."""
    due = [rules.cap_nano_usd * (number + 1) // (rules.kills + 1) for number in range(rules.kills)]
    kills = 0
    while any(runner.poll() is None for runner in runners):
        if due and biller.total >= due[0]:
            due.pop(0)
            meters[kills % len(meters)].kill()
            kills += 1
        time.sleep(LOOK_EVERY_S)
    return kills


def _result(rules: Rules, biller: Biller, ledger: Ledger, kills: int, seconds: float) -> Result:
    status: CapStatus = cap_statuses(ledger, datetime.now(UTC))[0]
    return Result(
        cap_nano_usd=rules.cap_nano_usd, billed_nano_usd=biller.total, calls=biller.calls,
        posted_nano_usd=status.spent_nano_usd, held_nano_usd=status.held_nano_usd, kills=kills, seconds=seconds,
        admission_s=biller.admission_s,
    )  # fmt: skip


def _add(result: Result, part: dict[str, object]) -> None:
    result.answers += int(str(part["answers"]))
    result.broken += int(str(part["broken"]))
    result.unended += int(str(part["unended"]))
    result.refusals.update(part["refusals"])  # type: ignore[call-overload]
    result.unfounded.extend(part["unfounded"])  # type: ignore[arg-type]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _close_pipes(process: "subprocess.Popen[bytes]") -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
