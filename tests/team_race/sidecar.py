"""One sidecar of the race: agents that call, a biller that is the truth, and one connection to the team's ledger.

All agents' questions that wait go in one round trip, and so do the calls that are over, as the meter's own thread does
it. What the server did not answer is asked again as it was.
"""

import heapq
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.errors import TeamUnreachable
from app.core.reservations import Draft, Refusal, ReservationState
from app.core.tags import Tags
from app.core.team import Asked, Ended
from app.core.usage import Usage
from app.ledger.identifiers import new_id
from app.ledger.team.ledger import TeamLedger

WORST_NANO_USD = 4_000_000
SLOWEST_ANSWER_S = 0.03
LOOKS_AGAIN_S = 0.05
ASKS_AGAIN_S = 0.05


@dataclass
class Met:
    """What one sidecar met. `admission_s` is from an agent's question to the team's answer, waiting included."""

    admission_s: list[float] = field(default_factory=list)
    round_trip_s: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    unended: int = 0


class Sidecar:
    """Runs until each of its agents was refused for good or the time is up."""

    def __init__(self, ledger: TeamLedger, number: int, agents: int, bill: Path, deadline: float) -> None:
        self.met = Met()
        self._ledger = ledger
        self._name = f"sidecar-{number}"
        self._dice = random.Random(number)
        self._deadline = deadline
        self._bill = os.open(bill, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._ready = [(0.0, agent) for agent in range(agents)]
        self._running: list[tuple[float, str, int, Draft, int]] = []
        self._asking: dict[int, tuple[float, Draft]] = {}

    def run(self) -> Met:
        """Ask, send, settle, until nobody asks any more."""
        while self._ready or self._running or self._asking:
            if time.monotonic() > self._deadline:
                self.met.unended += len(self._ready) + len(self._asking)
                self._ready.clear()
                self._asking.clear()
            self._take_up_ready()
            self._settle_ended()
            if self._asking:
                self._reserve()
            self._wait()
        os.close(self._bill)
        return self.met

    def _take_up_ready(self) -> None:
        now = time.monotonic()
        while self._ready and self._ready[0][0] <= now:
            _, agent = heapq.heappop(self._ready)
            self._asking[agent] = now, _draft(self._dice.randint(1, WORST_NANO_USD), f"{self._name}-{agent}")

    def _reserve(self) -> None:
        asking = list(self._asking.items())
        asked = [Asked(draft, self._name) for _, (_, draft) in asking]
        started = time.monotonic()
        verdicts = self._insist(lambda: self._ledger.reserve(asked))
        now = time.monotonic()
        self.met.round_trip_s.append(now - started)
        for (agent, (since, draft)), verdict in zip(asking, verdicts, strict=True):
            if verdict.is_admitted:
                del self._asking[agent]
                self.met.admission_s.append(now - since)
                self._send(agent, draft, now)
                continue
            assert verdict.obstacles, verdict
            refusal = verdict.obstacles[0].refusal
            if refusal is Refusal.EXHAUSTED:
                del self._asking[agent]
                self.met.refusals[refusal] += 1

    def _send(self, agent: int, draft: Draft, now: float) -> None:
        """The provider bills at once, whatever becomes of the answer."""
        cost = self._dice.randint(0, draft.hold)
        os.write(self._bill, f"{draft.call_id} {cost}\n".encode())
        heapq.heappush(
            self._running, (now + self._dice.uniform(0, SLOWEST_ANSWER_S), draft.call_id, agent, draft, cost)
        )

    def _settle_ended(self) -> None:
        now = time.monotonic()
        ended = []
        while self._running and self._running[0][0] <= now:
            _, _, agent, draft, cost = heapq.heappop(self._running)
            ended.append(Ended(_call(draft, cost), cost, ReservationState.POSTED))
            heapq.heappush(self._ready, (now, agent))
        if ended:
            self._insist(lambda: self._ledger.settle(ended))

    def _insist[T](self, ask: Callable[[], T]) -> T:
        while True:
            try:
                return ask()
            except TeamUnreachable:
                self.met.broken += 1
                time.sleep(ASKS_AGAIN_S)

    def _wait(self) -> None:
        """Until an answer is due; for calls that wait for others' money, until somebody tells of room."""
        due = [one[0] for one in self._ready[:1]] + [one[0] for one in self._running[:1]]
        pause = min(due, default=time.monotonic() + LOOKS_AGAIN_S) - time.monotonic()
        if self._asking and pause > 0:
            self._insist(lambda: self._ledger.listen(min(pause, LOOKS_AGAIN_S)))
        elif pause > 0:
            time.sleep(pause)


def _draft(worst: int, session: str) -> Draft:
    return Draft(
        call_id=new_id(),
        at=datetime.now(UTC),
        provider="anthropic",
        api_shape=ApiShape.ANTHROPIC_MESSAGES,
        operation="chat",
        request_model="opus",
        is_stream=False,
        tags=Tags(project="race", agent="racer", session=session),
        worst_nano_usd=worst,
    )


def _call(draft: Draft, cost: int) -> Call:
    return Call(
        draft.call_id, draft.at, draft.provider, draft.api_shape, draft.operation, draft.request_model, draft.tags,
        Outcome.COMPLETED, Usage(output_tokens=1), cost, Basis.TABLE,
    )  # fmt: skip
