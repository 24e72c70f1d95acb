"""May this call go? Hold its money, wait for room or for a person, or say why not.

Nothing is decided here by reading a total: the ledger's `admit` holds the money or does not, in one transaction, and
this file only knows how to wait in between. A waiting call holds no money and no upstream connection, so however many
wait, the cap is as it was.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from app.core.errors import KeyRejected
from app.core.reservations import CanFit, CapWindow, Draft, Obstacle, Refusal, Verdict
from app.ledger.approval_store import ApprovalState, ask, close, postpone
from app.ledger.group_writer import Writing
from app.ledger.survey import Waiting
from app.ledger.waiting_line import leave_line
from app.pricing.bound import OutputQuote
from proxy_addon.clock import Clock
from proxy_addon.gate_operations import UNKNOWN_FIT, Look, count
from proxy_addon.gate_wording import STOPPED_MESSAGE, refused_by_person, sentence
from proxy_addon.holders import KeyCheck
from proxy_addon.passage import CAUSES, Passage, no_answer, of_team
from proxy_addon.recorder import Recorder
from proxy_addon.refusals import Cause
from proxy_addon.resent import HUNG_UP_S, TOLD_TO_RETRY_S, Mark, OpenQuestion, Resent
from proxy_addon.team_gate import TeamGate, TeamWait
from proxy_addon.waiting_room import WaitingRoom

CONTENTION_LIMIT_S = 120.0
"""How long a call waits for other calls' holds to come free: most are gone in seconds."""


@dataclass(slots=True)
class _Wait:
    """One call at the gate: what a person has excused it from so far, and the question that is open. `mark` is what
    it shares with the same request sent again."""

    draft: Draft
    deadline: float
    quote: OutputQuote | None
    can_fit: CanFit
    fits: bool | None = None
    check: KeyCheck | None = None
    contended_until: float | None = None
    is_in_line: bool = False
    mark: Mark = lambda: ""
    excused: frozenset[CapWindow] = frozenset()
    question: str = ""
    asked_about: tuple[Obstacle, ...] = field(default=())
    team: TeamWait | None = None


class Gate:
    """Admits calls on behalf of one meter, by its `clock`. To be used on the event loop. With a `team` its caps have
    their say after the laptop's own."""

    def __init__(
        self, recorder: Recorder, instance_id: str, clock: Clock | None = None, team: TeamGate | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.team = team
        self._recorder = recorder
        self._instance_id = instance_id
        self._room = WaitingRoom(recorder, instance_id, self.clock)
        recorder.on_change = self._room.tell
        self._resent = Resent(self._forget)

    async def pass_through(
        self,
        draft: Draft,
        *,
        patience_s: float,
        mark: Mark = lambda: "",
        is_client_gone: Callable[[], bool] = lambda: False,
        quote: OutputQuote | None = None,
        can_fit: CanFit = lambda: False,
        check: KeyCheck | None = None,
    ) -> Passage:
        """Hold the call's money, however long that takes within `patience_s`.

        A request with the same `mark` as one that left before goes on where that one was; it is a hash of the body, and
        found where it is needed. `quote` and `can_fit` are for caps that hold less than the worst case, as in `admit`;
        `check` is asked before the first look. Raises LedgerError when the ledger cannot be written, and KeyRejected
        when the call's key ended while it waited.
        """
        wait = _Wait(draft, self.clock.seconds() + patience_s, quote, can_fit, check=check, mark=mark)
        if self.team is not None:
            wait.draft, wait.team = self.team.named(draft), TeamWait(mark)
        try:
            await self._take_over_question(wait)
            return await self._wait_for_money(wait, is_client_gone)
        except asyncio.CancelledError:
            self._close(wait.question, ApprovalState.GONE)
            raise
        except KeyRejected:
            self._leave_open(wait, 0)
            raise
        finally:
            if self.team is not None and wait.team is not None:
                self.team.leave(wait.team)
            if wait.is_in_line:
                self._recorder.post(Writing(leave_line, draft.call_id))

    def count_unasked(self, draft: Draft) -> None:
        """Take up a call that a provider began by itself: it is spent already, so nothing stands in its way."""
        if self.team is not None:
            draft = self.team.named(draft)
        self._recorder.post(partial(count, draft=draft, instance_id=self._instance_id))

    async def _wait_for_money(self, wait: _Wait, is_client_gone: Callable[[], bool]) -> Passage:
        """Look, and look again whenever something changed for this call, until there is an answer."""
        while True:
            seen = self._room.changes
            verdict = await self._look(wait)
            passage = self._end_of(wait, verdict)
            if passage is not None:
                if wait.team is not None and passage.is_open and wait.draft.is_of_team:
                    passage = await self._ask_team(wait, wait.team, passage, is_client_gone)
                if passage is not None:
                    return passage
                continue
            assert verdict is not None, "a refusal by a person is an end"
            await self._ask_person(wait, verdict)
            waiting = Waiting(wait.draft, verdict.obstacles, wait.question, verdict.held_nano_usd)
            deadline = min(wait.deadline, wait.contended_until or wait.deadline)
            if await self._room.wait(waiting, seen=seen, deadline=deadline, is_client_gone=is_client_gone):
                self._leave_open(wait, HUNG_UP_S)
                return Passage(wait.draft, is_gone=True)

    async def _ask_team(
        self, wait: _Wait, with_team: TeamWait, passage: Passage, is_client_gone: Callable[[], bool]
    ) -> Passage | None:
        """The team's say about a call that may go as far as this laptop goes; None when it is to be looked at again."""
        assert self.team is not None
        wait.question, wait.asked_about = "", ()  # its money was held here, so what was asked here is over
        answer = await self.team.ask(with_team, passage.draft, deadline=wait.deadline, is_client_gone=is_client_gone)
        return passage if answer.is_held else of_team(wait.draft, answer)

    async def _take_over_question(self, wait: _Wait) -> None:
        """A call that comes to the gate may have left a question open when it was here before."""
        kept = self._resent.take(wait.mark()) if self._resent else None
        if kept is not None:
            wait.question, wait.asked_about, wait.excused = kept.question, kept.asked_about, kept.excused
            await self._recorder.run(Writing(postpone, kept.question, self._expiry(wait)))

    async def _look(self, wait: _Wait) -> Verdict | None:
        """What the ledger says, or None when the open question was answered with no; one transaction for both."""
        wait.draft = replace(wait.draft, at=self.clock.now())
        look = Look(
            wait.draft, self._instance_id, wait.question, _windows(wait.asked_about), wait.excused, wait.quote,
            wait.fits, wait.draft.at + timedelta(seconds=CONTENTION_LIMIT_S), self.clock.doubt(), wait.check,
        )  # fmt: skip
        wait.check = None  # a token that was replaced is good for calls that wait already
        seen = await self._recorder.run(look)
        if seen == UNKNOWN_FIT:
            wait.fits = wait.can_fit()
            seen = await self._recorder.run(replace(look, can_fit=wait.fits))
        if seen.state is ApprovalState.APPROVED:
            self._believe_clock(wait.asked_about)
            wait.excused |= _windows(wait.asked_about)
            wait.question, wait.asked_about = "", ()
        return seen.verdict

    def _end_of(self, wait: _Wait, verdict: Verdict | None) -> Passage | None:
        """The answer, when there is nothing left to wait for; else None."""
        draft, now = wait.draft, self.clock.seconds()
        if verdict is None:
            obstacle = wait.asked_about[0] if wait.asked_about else None
            return Passage(draft, Cause.REFUSED, refused_by_person(obstacle), obstacle)
        if verdict.is_admitted:
            return _admitted(wait, verdict)
        if verdict.is_stopped:
            self._leave_open(wait, 0)
            return Passage(draft, Cause.STOPPED, STOPPED_MESSAGE)
        final = next((one for one in verdict.obstacles if _is_final(one)), None)
        if final is not None:
            self._leave_open(wait, 0)
            return Passage(draft, CAUSES[final.refusal], sentence(final, draft), final)
        if now >= wait.deadline:
            self._leave_open(wait, TOLD_TO_RETRY_S)
            return no_answer(verdict, draft)
        if not verdict.obstacles or any(one.refusal is not Refusal.CONTENDED for one in verdict.obstacles):
            wait.contended_until = None
            return None
        wait.is_in_line = True
        if wait.contended_until is None:
            wait.contended_until = now + CONTENTION_LIMIT_S
        if now >= wait.contended_until:
            return Passage(draft, Cause.CONTENDED, sentence(verdict.obstacles[0], draft), verdict.obstacles[0])
        return None

    async def _ask_person(self, wait: _Wait, verdict: Verdict) -> None:
        """Put the question to the tray, unless it stands already or there is nothing to ask."""
        asking = tuple(one for one in verdict.obstacles if one.refusal is not Refusal.CONTENDED)
        if wait.question or not asking:
            return
        wait.asked_about = asking if asking[0].refusal is Refusal.UNPRICED else asking[:1]
        expires_at = self._expiry(wait)
        wait.question = await self._recorder.run(Writing(ask, wait.draft, asking[0], self._instance_id, expires_at))

    def _leave_open(self, wait: _Wait, seconds: float) -> None:
        """Let the question stand for a request sent again; at once over where none can follow."""
        if not wait.question:
            return
        question = OpenQuestion(wait.question, wait.asked_about, wait.excused)
        if seconds and (mark := wait.mark()):
            self._resent.keep(mark, question, seconds)
        else:
            self._close(question.question, ApprovalState.EXPIRED)

    def _forget(self, left: OpenQuestion) -> None:
        """The client did not send again."""
        self._close(left.question, ApprovalState.GONE)

    def _believe_clock(self, approved: tuple[Obstacle, ...]) -> None:
        """A person who let a call go although the clock was in doubt has said for all of them that it is right."""
        if any(one.refusal is Refusal.CLOCK for one in approved):
            self.clock.vouch()
            self._room.tell()

    def _expiry(self, wait: _Wait) -> datetime:
        return self.clock.now() + timedelta(seconds=max(0.0, wait.deadline - self.clock.seconds()))

    def _close(self, question: str, state: ApprovalState) -> None:
        if question:
            now = self.clock.now()
            self._recorder.post(Writing(close, question, state, now))


def _admitted(wait: _Wait, verdict: Verdict) -> Passage:
    """The money is held, for the whole call or for a part of it, or for a shorter answer."""
    worst, limit = wait.draft.worst_nano_usd, verdict.output_limit
    if limit is not None and wait.quote is not None:
        worst = wait.quote(limit)
    held = replace(wait.draft, worst_nano_usd=worst, held_nano_usd=verdict.held_nano_usd)
    return Passage(held, output_limit=limit, remaining_nano_usd=verdict.remaining_nano_usd)


def _windows(obstacles: tuple[Obstacle, ...]) -> frozenset[CapWindow]:
    return frozenset((one.cap_id, one.window_key) for one in obstacles)


def _is_final(obstacle: Obstacle) -> bool:
    """A blocking cap that is used up, or cannot be reckoned with, is not waited for."""
    if obstacle.refusal is Refusal.CUT:
        return True
    return not obstacle.asks_person and obstacle.refusal is not Refusal.CONTENDED
