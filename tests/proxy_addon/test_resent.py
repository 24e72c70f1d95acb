import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.call import ApiShape
from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.reservations import Draft
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.approval_store import ApprovalState, answered, approve, refuse, waiting
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger, open_ledger
from app.ledger.identifiers import new_id
from proxy_addon.gate import Gate
from proxy_addon.passage import Passage
from proxy_addon.refusals import Cause
from tests.end2end.meter_process import wait_until
from tests.threaded_recorder import ThreadedRecorder

A_MOMENT_S = 0.2


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite")
    add_cap(
        opened, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL, limit_nano_usd=NANO_PER_USD,
        action=Action.PAUSE, time_zone="UTC",
    )  # fmt: skip
    yield opened
    opened.close()


@pytest.fixture
def gate(ledger: Ledger) -> Gate:
    return Gate(ThreadedRecorder(ledger), "instance")


def _draft() -> Draft:
    return Draft(
        new_id(), datetime.now(UTC), "openai", ApiShape.OPENAI_CHAT, "chat", "gpt-5-mini", is_stream=False,
        tags=Tags(project="p", session="s"), worst_nano_usd=2 * NANO_PER_USD,
    )  # fmt: skip


async def _come(gate: Gate, mark: str = "same") -> Passage:
    return await gate.pass_through(_draft(), patience_s=A_MOMENT_S, mark=lambda: mark)


def test_request_sent_again_takes_over_its_question_and_the_answer_given_meanwhile(ledger: Ledger, gate: Gate) -> None:
    async def play() -> None:
        first = await _come(gate)
        assert first.cause is Cause.UNANSWERED
        (question,) = waiting(ledger)
        second = await _come(gate)
        assert second.cause is Cause.UNANSWERED
        (still,) = waiting(ledger)
        assert still.approval_id == question.approval_id
        assert still.expires_at > question.expires_at
        approve(ledger, question.approval_id, by="me")
        assert (await _come(gate)).is_open

    asyncio.run(play())
    assert waiting(ledger) == []


def test_refusal_given_while_nobody_waits_is_told_to_the_next_try(ledger: Ledger, gate: Gate) -> None:
    async def play() -> Passage:
        await _come(gate)
        refuse(ledger, waiting(ledger)[0].approval_id, by="me")
        return await _come(gate)

    assert asyncio.run(play()).cause is Cause.REFUSED


def test_another_request_asks_a_question_of_its_own(ledger: Ledger, gate: Gate) -> None:
    async def play() -> None:
        await _come(gate, "one")
        await _come(gate, "another")

    asyncio.run(play())
    assert len(waiting(ledger)) == 2


def test_question_of_a_client_that_does_not_come_back_is_closed(
    ledger: Ledger, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_addon.gate.TOLD_TO_RETRY_S", A_MOMENT_S)

    async def play() -> None:
        assert (await _come(gate)).cause is Cause.UNANSWERED
        await asyncio.to_thread(wait_until, lambda: not waiting(ledger), "the question to be closed")

    asyncio.run(play())
    assert answered(ledger)[0].state is ApprovalState.GONE
