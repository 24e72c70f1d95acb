"""The team's say about calls that the laptop's own caps let go.

A call comes here with its money held on the laptop. The team holds it too and it may go; or the laptop's hold is taken
back as if it had never been, and the call waits for the team's caps as it does for its own: for other calls, or for an
answer of a lead. While the team cannot be asked it may go where no hard cap of the team counts it, or where a lease
that was had before pays for it; else it is told to come again.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from app.core.errors import AppError, LedgerError, TeamUnreachable
from app.core.reservations import CapWindow, Draft, Obstacle, Refusal, Verdict
from app.core.team import Asked
from app.ledger.approval_store import ApprovalState
from app.ledger.group_writer import Desk, Writing
from app.ledger.lease_book import Drawn, draw
from app.ledger.settlement import release
from proxy_addon.clock import Clock
from proxy_addon.recorder import Recorder
from proxy_addon.resent import HUNG_UP_S, TOLD_TO_RETRY_S, Mark, OpenQuestion, Resent
from proxy_addon.team_line import NotAsked, TeamLine
from proxy_addon.team_seat import Team

LOOK_AGAIN_S = 2.0
"""A call that waits looks at the latest after so long, whatever was told."""
PAUSE_S = 0.2
"""A team's ledger tells of every call of everybody: each that waits looks a few times a second at most."""
TICK_S = 0.25
CONTENTION_LIMIT_S = 120.0
LONGEST_WAIT_S = 900.0
"""After so long a question that was taken over is asked anew."""


@dataclass(slots=True)
class TeamWait:
    """What stands between one call and the team: what its leads excused it from so far, and the question that is
    open. `mark` is what it shares with the same request sent again; `is_anothers`: the question was asked when
    the request came the last time, as another call."""

    mark: Mark = lambda: ""
    excused: frozenset[CapWindow] = frozenset()
    question: str = ""
    asked_about: tuple[Obstacle, ...] = field(default=())
    contended_until: float | None = None
    is_known: bool = False
    is_anothers: bool = False


@dataclass(frozen=True, slots=True)
class TeamAnswer:
    """What the team says. `obstacle` stands in the way for good, or is what an answer that never came was about;
    `is_refused`: a lead said no; `is_over`: the time for an answer is. `away` is why the team cannot be asked. With
    `looks_again` the call is to ask its own caps first, and then the team, once more."""

    is_held: bool = False
    obstacle: Obstacle | None = None
    is_refused: bool = False
    is_over: bool = False
    away: LedgerError | None = None
    is_gone: bool = False
    looks_again: bool = False


HELD = TeamAnswer(is_held=True)


class TeamGate:
    """Asks the team on behalf of one meter. To be used on the event loop."""

    def __init__(self, line: TeamLine, recorder: Recorder, instance_id: str, clock: Clock) -> None:
        self._line = line
        self._recorder = recorder
        self._instance_id = instance_id
        self._clock = clock
        self._news = asyncio.Event()
        self._resent = Resent(self._forget)

    def tell(self) -> None:
        """The team's ledger changed."""
        self._news.set()
        self._news = asyncio.Event()

    def named(self, draft: Draft) -> Draft:
        """The draft as the team's, unless its key is another team's: that is no business of ours."""
        name = self._line.seat.name
        if draft.tags.team not in ("", name):
            return draft
        return replace(draft, tags=replace(draft.tags, team=name), is_of_team=True)

    async def ask(
        self, wait: TeamWait, draft: Draft, *, deadline: float, is_client_gone: Callable[[], bool]
    ) -> TeamAnswer:
        """What the team says to a call whose money is held here. Unless it says yes, nothing is held any more.

        `deadline` is by the clock's `seconds`. Raises LedgerError when the laptop's own ledger cannot be written.
        """
        news = self._news
        self._take_over_question(wait)
        try:
            verdict = await self._look(wait, draft)
        except LedgerError as error:
            return await self._go_without(draft, error)
        if verdict is not None and verdict.is_admitted:
            return HELD
        await self._give_back(draft)
        answer = self._end_of(wait, verdict, deadline)
        if answer is not None:
            self._leave_open(wait, TOLD_TO_RETRY_S if answer.is_over else 0)
            return answer
        assert verdict is not None, "a refusal by a lead is an end"
        with contextlib.suppress(AppError):  # it is asked again, or told to come again, with the next look
            await self._ask_lead(wait, draft, verdict, deadline)
        if await self._wait(news, deadline, is_client_gone):
            self._leave_open(wait, HUNG_UP_S)
            return TeamAnswer(is_gone=True)
        return TeamAnswer(looks_again=True)

    def leave(self, wait: TeamWait, state: ApprovalState = ApprovalState.GONE) -> None:
        """The call waits no more: take back its question."""
        question, wait.question = wait.question, ""
        if question:
            self._line.post(lambda team: team.close_questions([question], state))

    def _take_over_question(self, wait: TeamWait) -> None:
        """A call that comes for the first time may have left a question open when it was here before."""
        is_known, wait.is_known = wait.is_known, True
        kept = self._resent.take(wait.mark()) if self._resent and not is_known else None
        if kept is not None:
            wait.question, wait.asked_about, wait.excused = kept.question, kept.asked_about, kept.excused
            wait.is_anothers = True

    def _leave_open(self, wait: TeamWait, seconds: float) -> None:
        """Let the question stand for a request sent again; at once over where none can follow."""
        if wait.question and seconds and (mark := wait.mark()):
            self._resent.keep(mark, OpenQuestion(wait.question, wait.asked_about, wait.excused), seconds)
            wait.question = ""
        self.leave(wait)

    def _forget(self, left: OpenQuestion) -> None:
        """The client did not send again."""
        self._line.post(lambda team: team.close_questions([left.question], ApprovalState.GONE))

    async def _look(self, wait: TeamWait, draft: Draft) -> Verdict | None:
        """What the team's caps say, or None when the open question was answered with no."""
        if wait.question:
            state = await self._state_of(wait, draft)
            if state is ApprovalState.REFUSED:
                wait.question = ""
                return None
            if state is not ApprovalState.WAITING:
                if state is ApprovalState.APPROVED:
                    wait.excused |= {one.window for one in wait.asked_about}
                wait.question = ""
        # A hold of ours may be less than the worst case, or grow; the team's caps hold all of it.
        whole = replace(draft, held_nano_usd=None)
        verdict = await self._line.reserve(Asked(whole, self._instance_id, wait.excused))
        if verdict.is_admitted:
            self.leave(wait, ApprovalState.MOOT)
        return verdict

    async def _state_of(self, wait: TeamWait, draft: Draft) -> ApprovalState:
        """Where the open question stands, which is this call's from now on."""
        question, is_anothers = wait.question, wait.is_anothers

        def errand(team: Team) -> ApprovalState:
            if is_anothers:
                team.postpone(question, draft.call_id, LONGEST_WAIT_S)
            return team.states([question]).get(question, ApprovalState.GONE)

        state = await self._line.run(errand)
        wait.is_anothers = False
        return state

    def _end_of(self, wait: TeamWait, verdict: Verdict | None, deadline: float) -> TeamAnswer | None:
        """The answer, when there is nothing left to wait for; else None."""
        now = self._clock.seconds()
        if verdict is None:
            return TeamAnswer(obstacle=wait.asked_about[0], is_refused=True)
        if verdict.is_stopped:
            return TeamAnswer(away=TeamUnreachable("Your team has seen this call before", "Send it again."))
        final = next((one for one in verdict.obstacles if _is_final(one)), None)
        if final is not None:
            return TeamAnswer(obstacle=final)
        first = verdict.obstacles[0]
        if any(one.refusal is not Refusal.CONTENDED for one in verdict.obstacles):
            wait.contended_until = None
        elif wait.contended_until is None:
            wait.contended_until = now + CONTENTION_LIMIT_S
        is_over = now >= min(deadline, wait.contended_until or deadline)
        return TeamAnswer(obstacle=first, is_over=True) if is_over else None

    async def _ask_lead(self, wait: TeamWait, draft: Draft, verdict: Verdict, deadline: float) -> None:
        """Put the question to the team's leads, unless it stands already or there is nothing to ask."""
        asking = tuple(one for one in verdict.obstacles if one.refusal is not Refusal.CONTENDED)
        if wait.question or not asking:
            return
        wait.asked_about = asking if asking[0].refusal is Refusal.UNPRICED else asking[:1]
        left_s = max(0.0, deadline - self._clock.seconds()) + TOLD_TO_RETRY_S
        wait.question = await self._line.run(lambda team: team.ask(draft, asking[0], self._instance_id, left_s))

    async def _wait(self, news: asyncio.Event, deadline: float, is_client_gone: Callable[[], bool]) -> bool:
        """Until the team's ledger changed, or a while is over. True when the client left."""
        until = min(deadline, self._clock.seconds() + LOOK_AGAIN_S)
        await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.0))
        while not news.is_set() and not is_client_gone() and self._clock.seconds() < until:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), TICK_S)
        return is_client_gone()

    async def _go_without(self, draft: Draft, error: LedgerError) -> TeamAnswer:
        """The team cannot be asked. Raises LedgerError when our own ledger cannot be written."""
        was_asked = not isinstance(error, NotAsked)
        is_away = isinstance(error, TeamUnreachable) and not (isinstance(error, NotAsked) and error.is_refused)

        operation = partial(_go_without, draft=draft, now=self._clock.now(), is_away=is_away, was_asked=was_asked)
        if await self._recorder.run(operation) is Drawn.SHORT:
            return TeamAnswer(away=error)
        return HELD

    async def _give_back(self, draft: Draft) -> None:
        await self._recorder.run(Writing(release, draft.call_id, is_told=False))


def _is_final(obstacle: Obstacle) -> bool:
    """A cap that blocks and is used up, or cannot be reckoned with, is not waited for."""
    return not obstacle.asks_person and obstacle.refusal is not Refusal.CONTENDED


def _go_without(desk: Desk, *, draft: Draft, now: datetime, is_away: bool, was_asked: bool) -> Drawn:
    """Take the call's money out of a lease, or give back what is held."""
    drawn = draw(desk.connection, draft, now) if is_away else Drawn.SHORT
    if drawn is Drawn.SHORT:  # what was asked may be held there: the answer that was lost may have been a yes
        release(desk.connection, draft.call_id, is_told=was_asked)
    return drawn
