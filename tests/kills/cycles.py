"""A meter that is killed without a word, again and again, amid its calls; and what must be true each time. It is two
processes: either is killed, or both."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.reservations import ReservationState
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.cap_store import add_cap, cap_statuses
from app.ledger.engine import Ledger, open_ledger
from app.ledger.soundness import Soundness, full_check
from app.ledger.tables import calls, reservations
from app.ledger.verification import verify_ledger
from tests.end2end.meter_process import wait_until, writer_of
from tests.kills.world import World

LIMIT = 100_000 * NANO_PER_USD
MOST_CALLS, LONGEST_LIFE_S, LAST_DELAY_S = 15, 3.0, 0.02
"""It is killed after up to so many further calls, or seconds, and then some moment later."""
KEYS = {"openai": "sk-real"}
VERIFIED_EVERY = 20
"""Derived again after so many cycles, and after the last; what a kill left behind is looked at after each."""


@dataclass
class Result:
    """What came of it. `bad` says what was not as it must be, in words; `back_s` is how long each start took."""

    cycles: int
    calls: int = 0
    answered: int = 0
    recovered: int = 0
    billed_nano_usd: int = 0
    posted_nano_usd: int = 0
    seconds: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)


def run_cycles(cycles: int, clients: int, seed: int = 1) -> Result:
    """So many kills, at moments that the seed chooses."""
    result, dice, began = Result(cycles), random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, closing(open_ledger(Path(folder) / "ledger.sqlite")) as ledger:
        home = Path(folder)
        _key, token = issue_key(ledger, name="killed", tags=Tags(project="killed", agent="test"))
        add_cap(ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL, limit_nano_usd=LIMIT,
                action=Action.BLOCK, time_zone="UTC")  # fmt: skip
        with World(clients, token).turning() as world, _forge(home, world.url) as forge:
            for number in range(cycles):
                _cycle(result, world, forge, dice, ledger)
                if number % VERIFIED_EVERY == 0:
                    _verify(result, ledger)
            forge.start()  # the last one settles what the last kill left, and lets the clients end
            world.close()
            forge.stop()
            _judge(result, world, ledger)
        if full_check(home / "ledger.sqlite") is not Soundness.SOUND:
            result.bad.append("the ledger's file is damaged")
    result.met, result.seconds = world.met, time.monotonic() - began
    return result


def _cycle(result: Result, world: World, forge: "Forge", dice: random.Random, ledger: Ledger) -> None:
    began = time.monotonic()
    pid = forge.start()
    result.back_s.append(time.monotonic() - began)
    world.gateway = ("127.0.0.1", forge.port)
    wait_until(lambda: len(_owners(ledger)) <= 1, "no money held for a meter that is gone")
    until, wanted = time.monotonic() + LONGEST_LIFE_S, len(world.billed) + dice.randint(0, MOST_CALLS)
    while len(world.billed) < wanted and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(dice.uniform(0, LAST_DELAY_S))  # the moment of the kill is what is tried
    for doomed in dice.choice(([pid], [writer_of(pid)], [writer_of(pid), pid])):
        with suppress(ProcessLookupError):  # it ends without the other
            os.kill(doomed, signal.SIGKILL)
    forge.hear("gone")


def _owners(ledger: Ledger) -> set[str]:
    """Meters for which money is held. One that is killed leaves its books to its writer, or else to the next meter."""
    held = select(reservations.c.instance_id).where(reservations.c.state == ReservationState.HELD)
    with ledger.read() as connection:
        return set(connection.execute(held).scalars())


def _verify(result: Result, ledger: Ledger) -> None:
    result.bad += [str(one) for one in verify_ledger(ledger).differences]


def _judge(result: Result, world: World, ledger: Ledger) -> None:
    """What the provider and the clients know against the ledger, call by call."""
    _verify(result, ledger)
    with ledger.read() as connection:
        rows: dict[str, Any] = {row.task: row for row in connection.execute(select(calls))}
        held = connection.execute(select(reservations).where(reservations.c.state == ReservationState.HELD)).all()
    status = cap_statuses(ledger, datetime.now(UTC))[0]
    result.calls, result.answered = len(world.billed), len(world.answered)
    result.billed_nano_usd, result.posted_nano_usd = sum(world.billed.values()), status.spent_nano_usd
    result.recovered = sum(row.error_type == "meter_died" for row in rows.values())
    for name, cost in world.billed.items():
        row = rows.get(name)
        if row is None:
            result.bad.append(f"{name} was billed and is not in the ledger")
        elif row.charged_nano_usd < cost:
            result.bad.append(f"{name} was billed {cost} and charged {row.charged_nano_usd}")
        elif row.cost_nano_usd is not None and row.error_type == "" and row.cost_nano_usd != cost:
            result.bad.append(f"{name} was billed {cost} and costs {row.cost_nano_usd}")
    for name in sorted(world.answered):
        if name not in rows:
            result.bad.append(f"{name} was answered and is not in the ledger")
    if held:
        result.bad.append(f"money of {len(held)} calls is still held")
    if result.posted_nano_usd < result.billed_nano_usd:
        result.bad.append("the cap carries less than the bill")


class Forge:
    """Starts meters of one ledger at one address, one after another."""

    def __init__(self, home: Path, upstream: str) -> None:
        self._arguments = ["--ledger", str(home / "ledger.sqlite"), "--gateway-port", "0", "--forward-port", "0"]
        self._arguments += ["--stop-with-stdin", "--keys-from-stdin", "--upstream", f"openai={upstream}"]
        environment = {**os.environ, "BURSAR_HOME": str(home)}
        command = [sys.executable, "-m", "tests.kills.forge"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.port = 0

    def start(self) -> int:
        """Start a meter. Gives its process id once it is ready."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(self._arguments).encode() + b"\n" + json.dumps(KEYS).encode() + b"\n")
        self.process.stdin.flush()
        return int(self.hear("ready")["pid"])

    def hear(self, event: str) -> dict[str, Any]:
        """The next line, which must be this event."""
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline() or b'{"event": "silent"}')
        assert told["event"] == event, told
        return told

    def stop(self) -> None:
        """Let the running meter end in order, and the forge with it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


@contextmanager
def _forge(home: Path, upstream: str) -> Iterator[Forge]:
    forge = Forge(home, upstream)
    try:
        forge.port = int(forge.hear("forge")["port"])
        yield forge
    finally:
        forge.process.kill()
        forge.process.wait()
        for stream in (forge.process.stdin, forge.process.stdout):
            with suppress(BrokenPipeError):
                assert stream is not None
                stream.close()
