"""The race: sidecars in processes of their own, one team cap, one server that may be killed on the way."""

import multiprocessing
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from app.core.caps import Action, Cap
from app.core.tags import Scope
from app.core.team import Role
from app.core.windows import Window
from app.ledger.identifiers import new_id
from app.ledger.team.administration import add_member, administration, create_team
from app.ledger.team.ledger import TeamLedger, open_team
from tests import postgres
from tests.team_race.sidecar import Met, Sidecar

DATABASE = "race"
CAPS = ((Scope.EVERYTHING, ""), (Scope.TEAM, "payments"), (Scope.PROJECT, "race"), (Scope.AGENT, "*"))


@dataclass(frozen=True, slots=True)
class Rules:
    """One race. The first cap has `cap_nano_usd` and is raced for; the others are wide, and locked with it."""

    sidecars: int = 20
    agents: int = 10
    cap_nano_usd: int = 1_000_000_000
    kills: int = 0
    seconds: float = 120.0


@dataclass
class Result:
    """What came of it, by the bill and by the ledger. Amounts in nano-dollars."""

    cap_nano_usd: int
    billed: dict[str, int]
    charged: dict[str, int]
    posted_nano_usd: int
    held_nano_usd: int
    deadlocks: int
    kills: int
    seconds: float
    met: list[Met] = field(default_factory=list)

    @property
    def billed_nano_usd(self) -> int:
        return sum(self.billed.values())

    @property
    def overshoot_nano_usd(self) -> int:
        return max(0, self.billed_nano_usd - self.cap_nano_usd)

    @property
    def refusals(self) -> Counter[str]:
        return sum((one.refusals for one in self.met), Counter())

    @property
    def unended(self) -> int:
        return sum(one.unended for one in self.met)

    @property
    def broken(self) -> int:
        return sum(one.broken for one in self.met)

    def admission(self, percent: int) -> float:
        """A percentile of the seconds from an agent's question to its admission."""
        return _percentile([second for one in self.met for second in one.admission_s], percent)

    def round_trip(self, percent: int) -> float:
        """A percentile of the seconds of one batch's way to the server and back."""
        return _percentile([second for one in self.met for second in one.round_trip_s], percent)

    @property
    def is_true(self) -> bool:
        """The cap held, every billed call is in the ledger once at its cost, and nothing is left held."""
        return (
            not self.overshoot_nano_usd
            and self.billed == self.charged
            and self.posted_nano_usd == self.billed_nano_usd
            and not self.held_nano_usd
            and not self.deadlocks
            and not self.unended
        )


def race(rules: Rules) -> Result:
    """Run one race on a server of its own. Forks, so it wants a process without threads."""
    cluster = postgres.Cluster(is_safe=bool(rules.kills))
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _race(rules, cluster, Path(folder) / "bill")
    finally:
        cluster.close()


def _race(rules: Rules, cluster: postgres.Cluster, bill: Path) -> Result:
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    admin = administration(cluster.url("admin", DATABASE), postgres.PASSWORD)
    invitations = [create_team(admin, "payments", lead="lee")]
    invitations += [add_member(admin, f"m{number}", Role.MEMBER) for number in range(rules.sidecars)]
    lead = open_team(invitations[0].url, invitations[0].password)
    for place, (scope, key) in enumerate(CAPS):
        limit = rules.cap_nano_usd * (place + 1)
        lead.set_cap(Cap(new_id(), scope, key, Window.DAY, limit, Action.BLOCK))
    lead.close()
    started = time.monotonic()
    context: Any = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    deadline = started + rules.seconds
    processes = [
        context.Process(target=_drive, args=(answers, one.url, one.password, number, rules.agents, bill, deadline))
        for number, one in enumerate(invitations[1:])
    ]
    for process in processes:
        process.start()
    kills = _kill_now_and_then(rules, cluster, bill)
    met = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    seconds = time.monotonic() - started
    return _result(rules, cluster, bill, kills, seconds, met)


def _drive(answers: Any, url: str, password: str, number: int, agents: int, bill: Path, deadline: float) -> None:
    ledger: TeamLedger = open_team(url, password)
    answers.put(Sidecar(ledger, number, agents, bill, deadline).run())
    ledger.close()


def _kill_now_and_then(rules: Rules, cluster: postgres.Cluster, bill: Path) -> int:
    """Kill the server at amounts spread over the cap, each time at a moment of its own."""
    dice = random.Random(7)
    for number in range(1, rules.kills + 1):
        mark = rules.cap_nano_usd * number // (rules.kills + 1)
        while sum(_billed(bill).values()) < mark:
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 0.05))
        cluster.kill()
        cluster.start()
    return rules.kills


def _billed(bill: Path) -> dict[str, int]:
    if not bill.exists():
        return {}
    lines = [line.split() for line in bill.read_text().splitlines()]
    billed = {call_id: int(cost) for call_id, cost in lines}
    assert len(billed) == len(lines), "a call was sent twice"
    return billed


def _result(rules: Rules, cluster: postgres.Cluster, bill: Path, kills: int, seconds: float, met: list[Met]) -> Result:
    with cluster.connect(DATABASE) as connection:
        rows: list[Any] = connection.execute("SELECT call_id, charged_nano_usd FROM bursar.calls").fetchall()
        sums: Any = connection.execute(
            """SELECT t.posted_nano_usd, (SELECT sum(held_nano_usd) FROM bursar.totals)
                FROM bursar.totals t JOIN bursar.caps c USING (cap_id) WHERE c.scope = 'everything'"""
        ).fetchone()
    deadlocks = cluster.log().count("deadlock detected")
    return Result(
        rules.cap_nano_usd, _billed(bill), dict(rows), int(sums[0]), int(sums[1]), deadlocks, kills, seconds, met
    )


def _percentile(seconds: list[float], percent: int) -> float:
    return quantiles(seconds, n=100)[percent - 1] if len(seconds) > 1 else 0.0
