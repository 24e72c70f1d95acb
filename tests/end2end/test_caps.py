"""A cap holds: it pauses, asks, refuses, and never lets more through, counted by the provider's own bill."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import anthropic
import openai
import pytest

from app.core.call import Outcome
from app.core.caps import Action, Cap
from app.core.money import NANO_PER_CENT, NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.alert_store import alerts_after
from app.ledger.approval_store import ApprovalState, answered, waiting
from app.ledger.cap_store import add_cap, cap_statuses, remove_cap, update_cap
from app.ledger.meter_state import pause_everything, resume
from app.ledger.raise_store import raise_window
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion
from tests.end2end.sdks import anthropic_client, openai_client

pytestmark = pytest.mark.end2end

MODEL = "gpt-5-mini"  # $0.25 for a million tokens in, $2 for a million out
NANO_OF_ANSWER = 1_000 * 250 + 4_000 * 2_000  # 0.825 cents


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(1_000, 4_000)
    with meter(home, {"openai": provider.url, "anthropic": provider.url}) as started:
        yield started


def _cap(running: RunningMeter, limit: int, action: Action = Action.PAUSE) -> Cap:
    return add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.DAY, limit_nano_usd=limit,
        action=action, time_zone="Europe/Berlin",
    )  # fmt: skip


def _ask(running: RunningMeter, limit: int = 4_500) -> str:
    client = openai_client(running.gateway, running.token)
    answer = client.chat.completions.create(
        model=MODEL, max_completion_tokens=limit, messages=[{"role": "user", "content": "hello"}]
    )
    return answer.choices[0].message.content or ""


def _cli(running: RunningMeter, *arguments: str) -> str:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _start(running: RunningMeter) -> "Future[str]":
    """A call from a thread of its own: it is about to wait."""
    with_thread: Future[str] = Future()

    def work() -> None:
        try:
            with_thread.set_result(_ask(running))
        except Exception as error:  # noqa: BLE001 - handed to the test
            with_thread.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return with_thread


def _waiting_question(running: RunningMeter) -> str:
    wait_until(lambda: waiting(running.ledger), "a question")
    return waiting(running.ledger)[0].approval_id


def test_cap_of_one_cent_pauses_the_next_call_until_it_is_approved(running: RunningMeter, provider: Provider) -> None:
    _cap(running, NANO_PER_CENT)
    assert _ask(running) == "done"
    running.calls(1)
    call = _start(running)
    question = _waiting_question(running)
    assert len(provider.seen) == 1
    _cli(running, "approvals", "approve", question)
    assert call.result(20) == "done"
    spent = [call.cost_nano_usd for call in running.calls(2)]
    assert spent == [NANO_OF_ANSWER, NANO_OF_ANSWER]
    assert answered(running.ledger)[0].state is ApprovalState.APPROVED


def test_denied_call_ends_with_one_error_and_the_provider_sees_nothing(
    running: RunningMeter, provider: Provider
) -> None:
    _cap(running, NANO_PER_CENT)
    _ask(running)
    running.calls(1)
    call = _start(running)
    _cli(running, "approvals", "deny", _waiting_question(running))
    with pytest.raises(openai.BadRequestError, match="Refused in Bursar"):
        call.result(20)
    assert len(provider.seen) == 1
    assert [call.outcome for call in running.calls(2)] == [Outcome.COMPLETED, Outcome.REFUSED]
    assert not waiting(running.ledger)


def test_approval_is_for_one_call_only(running: RunningMeter) -> None:
    _cap(running, NANO_PER_CENT)
    _ask(running)
    running.calls(1)
    first = _start(running)
    _cli(running, "approvals", "approve", _waiting_question(running))
    first.result(20)
    second = _start(running)
    _cli(running, "approvals", "deny", _waiting_question(running))
    with pytest.raises(openai.BadRequestError):
        second.result(20)


@pytest.mark.parametrize("way", ["raise", "edit", "remove"])
def test_waiting_call_goes_on_when_room_is_made(running: RunningMeter, way: str) -> None:
    cap = _cap(running, NANO_PER_CENT)
    _ask(running)
    running.calls(1)
    call = _start(running)
    _waiting_question(running)
    if way == "raise":
        raise_window(running.ledger, cap.cap_id, cap_statuses(running.ledger, _now())[0].window_key, NANO_PER_USD)
    elif way == "edit":
        update_cap(running.ledger, Cap(cap.cap_id, cap.scope, cap.scope_key, cap.window, NANO_PER_USD))
    else:
        remove_cap(running.ledger, cap.cap_id)
    assert call.result(20) == "done"
    wait_until(lambda: answered(running.ledger), "the question to be closed")
    assert answered(running.ledger)[0].state is ApprovalState.MOOT


def test_blocking_cap_refuses_at_once_in_each_dialect(running: RunningMeter, provider: Provider) -> None:
    _cap(running, NANO_PER_CENT // 100, Action.BLOCK)
    with pytest.raises(openai.BadRequestError, match="cap “billing-api, today” is reached") as told:
        _ask(running)
    assert told.value.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in told.value.response.headers
    with pytest.raises(anthropic.BadRequestError, match="is reached"):
        anthropic_client(running.gateway, running.token).messages.create(
            model="claude-haiku-4-5", max_tokens=4_000, messages=[{"role": "user", "content": "hello"}]
        )
    assert provider.seen == []
    assert [call.outcome for call in running.calls(2)] == [Outcome.REFUSED, Outcome.REFUSED]


def test_alert_is_told_once_at_eighty_percent_and_stops_nothing(running: RunningMeter) -> None:
    cap = _cap(running, NANO_PER_CENT, Action.ALERT)
    for _ in range(3):
        assert _ask(running) == "done"
    running.calls(3)
    assert [(alert.cap_id, alert.percent) for alert in alerts_after(running.ledger, 0)] == [(cap.cap_id, 80)]


def test_unknown_model_is_unpriced_and_waits_where_a_cap_must_hold(running: RunningMeter, provider: Provider) -> None:
    provider.answer = lambda _seen: chat_completion(10, 5, model="no-such-model-1")
    client = openai_client(running.gateway, running.token)
    client.chat.completions.create(model="no-such-model-1", messages=[])
    assert running.calls(1)[0].cost_nano_usd is None
    _cap(running, NANO_PER_USD, Action.BLOCK)
    with pytest.raises(openai.BadRequestError, match="price is not known"):
        client.chat.completions.create(model="no-such-model-1", messages=[])


def test_everything_paused_waits_and_goes_on(running: RunningMeter, provider: Provider) -> None:
    pause_everything(running.ledger, "test")
    call = _start(running)
    wait_until(lambda: _is_inside(running), "the call to arrive")
    assert provider.seen == []
    resume(running.ledger, "test")
    assert call.result(20) == "done"


def _is_inside(running: RunningMeter) -> bool:
    """Whether the meter has taken the call's connection."""
    sockets = Path(f"/proc/{running.process.pid}/net/tcp").read_text().splitlines()
    port = f":{int(running.gateway.rsplit(':', 1)[1]):04X}"
    return any(line.split()[1].endswith(port) and line.split()[3] == "01" for line in sockets[1:])


def test_fifty_racing_calls_never_pass_the_cap(running: RunningMeter, provider: Provider) -> None:
    bill = _Bill(provider)
    limit = 20 * NANO_PER_CENT
    _cap(running, limit, Action.BLOCK)
    with ThreadPoolExecutor(50) as pool:
        results = [pool.submit(_ask, running) for _ in range(50)]
    failures = [result.exception() for result in results if result.exception() is not None]
    assert failures, "the cap was never reached"
    assert all(isinstance(failure, openai.BadRequestError) for failure in failures)
    assert bill.total <= limit
    assert bill.total > limit * 0.85
    running.calls(50)
    status = cap_statuses(running.ledger, _now())[0]
    assert (status.spent_nano_usd, status.held_nano_usd) == (bill.total, 0)


class _Bill:
    """What the provider charges, reckoned by itself."""

    def __init__(self, provider: Provider) -> None:
        self.total = 0
        self._lock = threading.Lock()
        provider.answer = self._answer

    def _answer(self, seen: Seen) -> Answer:
        with self._lock:
            self.total += NANO_OF_ANSWER
        return chat_completion(1_000, 4_000)


def _now() -> datetime:
    return datetime.now(UTC)
