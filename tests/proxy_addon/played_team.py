"""A team's ledger in memory, played: one cap in total, questions, leases; it can go away and come back."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.core.caps import Action, Cap
from app.core.errors import TeamUnreachable
from app.core.reservations import Draft, Obstacle, Refusal, Verdict
from app.core.tags import Scope
from app.core.team import Asked, Ended, Lease
from app.core.windows import Window
from app.ledger.approval_store import ApprovalState
from app.ledger.identifiers import new_id

CAP_ID, WINDOW = "team-cap", "total"


@dataclass
class PlayedTeam:
    """`limit` in nano-dollars. `loses_answers`: what is asked is done, and nobody is told."""

    limit: int
    action: Action = Action.PAUSE
    held: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    questions: dict[str, ApprovalState] = field(default_factory=dict)
    asked_for: dict[str, str] = field(default_factory=dict)
    lease: Lease | None = None
    is_away: bool = False
    loses_answers: bool = False
    groups: list[int] = field(default_factory=list)
    has_news: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    def connect(self) -> "PlayedTeam":
        self._answer()
        return self

    @property
    def spent(self) -> int:
        return sum(self.settled.values())

    @property
    def leased(self) -> int:
        return self.lease.amount_nano_usd if self.lease else 0

    def reserve(self, asked: Sequence[Asked]) -> list[Verdict]:
        with self.lock:
            self._answer()
            self.groups.append(len(asked))
            verdicts = [self._reserve_one(one) for one in asked]
            self._lose_answer()
            return verdicts

    def _reserve_one(self, one: Asked) -> Verdict:
        worst = one.draft.hold
        if one.draft.call_id in self.held:
            return Verdict(held_nano_usd=worst)
        is_excused = self.asked_for.get(one.draft.call_id) in self._approved()
        spent, held = self.spent, sum(self.held.values()) + self.leased
        if not is_excused and spent + held + worst > self.limit:
            refusal = Refusal.EXHAUSTED if spent + worst > self.limit else Refusal.CONTENDED
            asks = self.action is Action.PAUSE
            return Verdict(
                (Obstacle(refusal, CAP_ID, "Payments, in total", WINDOW, asks, spent, held, self.limit, None,
                          is_team=True),)
            )  # fmt: skip
        self.held[one.draft.call_id] = worst
        return Verdict(held_nano_usd=worst)

    def _approved(self) -> set[str]:
        return {one for one, state in self.questions.items() if state is ApprovalState.APPROVED}

    def settle(self, ended: Sequence[Ended]) -> None:
        with self.lock:
            self._answer()
            for one in ended:
                self.told.append(one.call.call_id)
                if one.call.call_id in self.settled:
                    continue
                self.held.pop(one.call.call_id, None)
                self.settled[one.call.call_id] = one.charged_nano_usd
                if one.lease_ids and self.lease:
                    left = self.lease.amount_nano_usd - one.charged_nano_usd
                    self.lease = Lease(self.lease.lease_id, CAP_ID, WINDOW, left, None)
            self.has_news = True
            self._lose_answer()

    def release(self, call_ids: Sequence[str]) -> None:
        with self.lock:
            self._answer()
            for one in call_ids:
                self.held.pop(one, None)

    def caps(self) -> list[Cap]:
        self._answer()
        return [Cap(CAP_ID, Scope.EVERYTHING, "", Window.TOTAL, self.limit, self.action)]

    def ask(self, draft: Draft, obstacle: Obstacle, instance_id: str, wait_s: float) -> str:
        self._answer()
        approval_id = new_id()
        self.questions[approval_id] = ApprovalState.WAITING
        self.asked_for[draft.call_id] = approval_id
        return approval_id

    def postpone(self, approval_id: str, call_id: str, wait_s: float) -> None:
        self._answer()
        self.asked_for[call_id] = approval_id

    def states(self, ids: Sequence[str]) -> dict[str, ApprovalState]:
        self._answer()
        return {one: self.questions[one] for one in ids if one in self.questions}

    def close_questions(self, ids: Sequence[str], state: ApprovalState) -> None:
        self._answer()
        for one in ids:
            if self.questions[one] is ApprovalState.WAITING:
                self.questions[one] = state

    def leases(self, wanted: Sequence[Draft], size_nano_usd: int, instance_id: str) -> list[Lease]:
        with self.lock:
            self._answer()
            free = self.limit - self.spent - sum(self.held.values()) - self.leased
            amount = self.leased + max(0, min(size_nano_usd - self.leased, free))
            self.lease = Lease("lease", CAP_ID, WINDOW, amount, None)
            return [self.lease]

    def give_back(self, lease_ids: Sequence[str]) -> None:
        self._answer()
        self.lease = None

    def listen(self, timeout_s: float = 0) -> frozenset[str]:
        self._answer()
        news, self.has_news = self.has_news, False
        return frozenset({"room"}) if news else frozenset()

    def close(self) -> None:
        pass

    def answer(self, state: ApprovalState) -> None:
        for one in self.questions:
            self.questions[one] = state
        self.has_news = True

    def _answer(self) -> None:
        if self.is_away:
            raise TeamUnreachable("Your team's ledger cannot be reached", "Try again in a moment.")

    def _lose_answer(self) -> None:
        if self.loses_answers:
            raise TeamUnreachable("Your team's ledger does not answer", "Try again in a moment.")
