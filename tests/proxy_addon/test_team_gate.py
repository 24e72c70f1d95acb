"""Calls between a laptop's own caps and its team's; the team is played, the rest is real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from app.core.call import Call
from app.core.caps import Action
from app.core.reservations import Draft
from app.core.tags import Tags
from app.ledger.approval_store import ApprovalState, approve, waiting
from app.ledger.engine import Ledger, open_ledger
from app.ledger.group_writer import Desk
from app.ledger.settlement import settle
from app.ledger.team_outbox import count_untold
from proxy_addon.clock import Clock
from proxy_addon.ending import dropped_call
from proxy_addon.gate import Gate
from proxy_addon.passage import Passage
from proxy_addon.refusals import Cause
from proxy_addon.team_gate import TeamGate
from proxy_addon.team_line import TeamLine
from proxy_addon.team_seat import Seat
from tests.ledger.bookkeeping import make_call, make_draft, money_in, set_cap
from tests.proxy_addon.played_team import PlayedTeam
from tests.threaded_recorder import ThreadedRecorder, settled

PATIENCE_S = 20.0


@dataclass
class Laptop:
    """One meter's writer, gate and line to the team."""

    ledger: Ledger
    recorder: ThreadedRecorder
    gate: Gate
    line: TeamLine

    async def come(self, draft: Draft | None = None, *, patience_s: float = PATIENCE_S, mark: str = "") -> Passage:
        return await self.gate.pass_through(draft or make_draft(60), patience_s=patience_s, mark=lambda: mark)

    def end(self, passage: Passage, cost: int) -> None:
        call = make_call(passage.draft, cost)
        self.recorder.post(partial(_settle, call=call))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def _settle(desk: Desk, *, call: Call) -> None:
    settle(desk.connection, desk.caps, call, datetime.now(UTC))


@asynccontextmanager
async def laptop_of(ledger: Ledger, team: PlayedTeam, *, lease: int = 0) -> AsyncIterator[Laptop]:
    """At the end all is written first, and then told."""
    loop = asyncio.get_running_loop()
    recorder = ThreadedRecorder(ledger)
    line = TeamLine(
        Seat("payments", team.connect, lease), ledger, recorder.post, laptop_id=lambda: "laptop",
        on_news=lambda: loop.call_soon_threadsafe(team_gate.tell),
    )  # fmt: skip
    clock = Clock()
    team_gate = TeamGate(line, recorder, "meter", clock)
    await settled(recorder)
    line.start()
    try:
        yield Laptop(ledger, recorder, Gate(recorder, "meter", clock, team_gate), line)
    finally:
        await recorder.stop()
        line.stop(is_last=True)


def play(ledger: Ledger, team: PlayedTeam, story: Callable[[Laptop], Awaitable[None]], *, lease: int = 0) -> None:
    async def run() -> None:
        async with laptop_of(ledger, team, lease=lease) as laptop:
            await story(laptop)

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def test_a_call_is_held_by_the_team_too_and_its_end_is_told(ledger: Ledger) -> None:
    team = PlayedTeam(100)
    cap = set_cap(ledger, 1_000)

    async def story(laptop: Laptop) -> None:
        passage = await laptop.come()
        assert passage.is_open
        assert passage.draft.tags.team == "payments"
        assert team.held == {passage.draft.call_id: 60}
        laptop.end(passage, 20)
        await until(lambda: team.settled == {passage.draft.call_id: 20})
        assert team.held == {}

    play(ledger, team, story)
    assert money_in(ledger, cap) == (20, 0)
    assert count_untold(ledger) == 0


def test_a_key_of_another_team_is_no_business_of_ours(ledger: Ledger) -> None:
    team = PlayedTeam(10)

    async def story(laptop: Laptop) -> None:
        passage = await laptop.come(make_draft(60, tags=Tags(team="search")))
        assert passage.is_open
        laptop.end(passage, 20)

    play(ledger, team, story)
    assert (team.groups, team.told) == ([], [])


def test_a_call_refused_here_is_not_held_there(ledger: Ledger) -> None:
    set_cap(ledger, 50)
    team = PlayedTeam(1_000)

    async def story(laptop: Laptop) -> None:
        assert (await laptop.come()).cause is Cause.EXHAUSTED

    play(ledger, team, story)
    assert team.groups == []


def test_a_call_refused_there_is_not_held_here(ledger: Ledger) -> None:
    cap = set_cap(ledger, 1_000)
    team = PlayedTeam(50, Action.BLOCK)

    async def story(laptop: Laptop) -> None:
        passage = await laptop.come()
        assert passage.cause is Cause.EXHAUSTED
        assert passage.refusal.startswith("Your team's cap “Payments, in total” is reached")

    play(ledger, team, story)
    assert money_in(ledger, cap) == (0, 0)
    assert count_untold(ledger) == 0


def test_calls_that_come_together_ask_in_one_round_trip(ledger: Ledger) -> None:
    team = PlayedTeam(100_000)

    async def story(laptop: Laptop) -> None:
        await laptop.come()
        with team.lock:
            many = [asyncio.ensure_future(laptop.come()) for _ in range(40)]
            await asyncio.sleep(0.5)
        assert all(one.is_open for one in await asyncio.gather(*many))

    play(ledger, team, story)
    assert sum(team.groups) == 41
    assert len(team.groups) <= 5


def test_a_call_waits_for_money_that_others_hold_and_goes_on_when_told(ledger: Ledger) -> None:
    cap = set_cap(ledger, 1_000)
    team = PlayedTeam(100)

    async def story(laptop: Laptop) -> None:
        first = await laptop.come()
        second = asyncio.ensure_future(laptop.come())
        await until(lambda: len(team.groups) >= 3)
        assert not second.done()
        laptop.end(first, 20)
        assert (await second).is_open

    play(ledger, team, story)
    assert money_in(ledger, cap) == (20, 60)


@pytest.mark.parametrize(("answer", "cause"), [(ApprovalState.APPROVED, None), (ApprovalState.REFUSED, Cause.REFUSED)])
def test_a_lead_answers(ledger: Ledger, answer: ApprovalState, cause: Cause | None) -> None:
    cap = set_cap(ledger, 1_000)
    team = PlayedTeam(50)

    async def story(laptop: Laptop) -> None:
        call = asyncio.ensure_future(laptop.come())
        await until(lambda: bool(team.questions))
        await asyncio.sleep(0.5)
        assert not call.done()
        team.answer(answer)
        assert (await call).cause is cause
        assert len(team.questions) == 1

    play(ledger, team, story)
    assert money_in(ledger, cap) == ((0, 60) if cause is None else (0, 0))


def test_a_request_sent_again_takes_over_the_question_to_the_lead(ledger: Ledger) -> None:
    team = PlayedTeam(50)

    async def story(laptop: Laptop) -> None:
        assert (await laptop.come(patience_s=0.3, mark="same")).cause is Cause.UNANSWERED
        assert (await laptop.come(patience_s=0.3, mark="same")).cause is Cause.UNANSWERED
        assert list(team.questions.values()) == [ApprovalState.WAITING]
        team.answer(ApprovalState.APPROVED)
        assert (await laptop.come(mark="same")).is_open

    play(ledger, team, story)


def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(ledger: Ledger) -> None:
    cap = set_cap(ledger, 1_000)
    team = PlayedTeam(50)

    async def story(laptop: Laptop) -> None:
        passage = await laptop.gate.pass_through(
            make_draft(60), patience_s=PATIENCE_S, is_client_gone=lambda: bool(team.questions)
        )
        assert passage.is_gone
        await until(lambda: list(team.questions.values()) == [ApprovalState.GONE])

    play(ledger, team, story)
    assert money_in(ledger, cap) == (0, 0)


def test_a_call_given_up_while_the_team_is_asked_is_released_there_too(ledger: Ledger) -> None:
    team = PlayedTeam(100)

    async def story(laptop: Laptop) -> None:
        draft = replace(make_draft(60), is_of_team=True)
        await laptop.come(make_draft(1))
        with team.lock:
            call = asyncio.ensure_future(laptop.come(draft))
            await asyncio.sleep(0.5)
            call.cancel()
            laptop.recorder.post(dropped_call(draft, "meter_stopped"))
            await asyncio.sleep(0.2)
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: team.settled.get(draft.call_id) == 0)
        assert draft.call_id not in team.held

    play(ledger, team, story)


def test_without_the_team_a_call_is_told_to_come_again(ledger: Ledger) -> None:
    cap = set_cap(ledger, 1_000)
    team = PlayedTeam(100, is_away=True)

    async def story(laptop: Laptop) -> None:
        passage = await laptop.come()
        assert passage.cause is Cause.TEAM_AWAY
        assert money_in(ledger, cap) == (0, 0)
        team.is_away = False
        await until(lambda: not laptop.line.is_away)
        assert (await laptop.come()).is_open

    play(ledger, team, story)
    assert money_in(ledger, cap) == (0, 60)


def test_a_yes_that_was_never_heard_is_taken_back_there(ledger: Ledger) -> None:
    team = PlayedTeam(100)

    async def story(laptop: Laptop) -> None:
        first = await laptop.come(make_draft(10))
        team.loses_answers = True
        assert (await laptop.come()).cause is Cause.TEAM_AWAY
        assert len(team.held) == 2
        team.loses_answers = False
        await until(lambda: list(team.held) == [first.draft.call_id])

    play(ledger, team, story)


def test_ends_that_could_not_be_told_are_told_in_order_and_count_once(ledger: Ledger) -> None:
    team = PlayedTeam(10_000)
    ended: list[str] = []

    async def story(laptop: Laptop) -> None:
        passages = [await laptop.come() for _ in range(5)]
        team.loses_answers = True
        for passage in passages:
            laptop.end(passage, 20)
            ended.append(passage.draft.call_id)
        await until(lambda: len(team.told) >= 1)
        team.is_away, team.loses_answers = True, False
        await until(lambda: count_untold(ledger) == 5)
        team.is_away = False
        await until(lambda: count_untold(ledger) == 0)

    play(ledger, team, story)
    assert team.settled == dict.fromkeys(ended, 20)
    assert team.told[-5:] == ended
    assert team.held == {}


def test_what_was_not_told_when_the_meter_ended_is_told_by_the_next(ledger: Ledger) -> None:
    team = PlayedTeam(10_000)

    async def story(laptop: Laptop) -> None:
        passage = await laptop.come()
        team.is_away = True
        await until(lambda: laptop.line.is_away)
        laptop.end(passage, 20)
        await until(lambda: count_untold(ledger) == 1)

    async def nothing(laptop: Laptop) -> None:
        await until(lambda: count_untold(ledger) == 0)

    play(ledger, team, story)
    assert (count_untold(ledger), team.spent) == (1, 0)
    team.is_away = False
    play(ledger, team, nothing)
    assert (team.spent, team.held) == (20, {})


def test_inside_its_lease_a_laptop_goes_on_and_stops_there(ledger: Ledger) -> None:
    cap = set_cap(ledger, 1_000)
    team = PlayedTeam(1_000)

    async def story(laptop: Laptop) -> None:
        laptop.end(await laptop.come(), 20)
        await until(lambda: team.leased == 130 and count_untold(ledger) == 0)
        await settled(laptop.recorder)
        team.is_away = True
        first, second = await laptop.come(), await laptop.come()
        assert first.is_open
        assert second.is_open
        assert (await laptop.come()).cause is Cause.TEAM_AWAY
        laptop.end(first, 20)
        await until(lambda: count_untold(ledger) == 1)
        third = await laptop.come(make_draft(50))
        assert third.is_open
        assert (await laptop.come(make_draft(10))).cause is Cause.TEAM_AWAY
        laptop.end(second, 20)
        laptop.end(third, 20)
        team.is_away = False
        await until(lambda: count_untold(ledger) == 0)

    play(ledger, team, story, lease=130)
    assert money_in(ledger, cap) == (80, 0)
    assert (team.spent, team.lease) == (80, None)


def test_calls_that_a_provider_began_count_with_the_team(ledger: Ledger) -> None:
    team = PlayedTeam(10)

    async def story(laptop: Laptop) -> None:
        draft = make_draft(60)
        laptop.gate.count_unasked(draft)
        call = make_call(draft, 20)
        laptop.recorder.post(partial(_settle, call=call))
        await until(lambda: team.settled == {draft.call_id: 20})

    play(ledger, team, story)


def test_a_call_that_waited_for_the_team_asks_its_own_caps_anew(ledger: Ledger) -> None:
    set_cap(ledger, 100, action=Action.PAUSE)
    team = PlayedTeam(100)

    async def story(laptop: Laptop) -> None:
        first, approved = await laptop.come(make_draft(60, team="search")), await laptop.come(make_draft(30))
        laptop.end(first, 20)
        laptop.end(approved, 30)
        await until(lambda: team.spent == 30)
        waits = asyncio.ensure_future(laptop.come(make_draft(80)))
        await until(lambda: len(waiting(ledger)) == 1)
        approve(ledger, waiting(ledger)[0].approval_id, by="me")
        await until(lambda: bool(team.questions))
        assert waiting(ledger) == []
        team.answer(ApprovalState.APPROVED)
        assert (await waits).is_open

    play(ledger, team, story)
