"""Calls that wait for a person are in nobody's way, however many they are."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest

from app.core.call import Outcome
from app.core.money import NANO_PER_CENT
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.approval_store import answered, approve, refuse_all, waiting
from app.ledger.cap_store import add_cap
from app.ledger.session_store import pause_session, resume_session, stop_session
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.end2end.sdks import openai_client
from tests.race.wire import Message, make_message, read_message

pytestmark = pytest.mark.end2end

BODY = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 9_000, "messages": []}).encode()
LONG_S = 90.0


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    """A meter at which the project `full` has no money left."""
    provider.answer = lambda _seen: chat_completion(10, 10)
    with meter(home, {"openai": provider.url}) as started:
        add_cap(
            started.ledger, scope=Scope.PROJECT, scope_key="full", window=Window.DAY, limit_nano_usd=NANO_PER_CENT,
            time_zone="UTC",
        )  # fmt: skip
        yield started


@contextmanager
def _waiters(running: RunningMeter, count: int) -> Iterator[list[Message]]:
    """That many calls that wait; the list fills with their answers as they get them."""
    _key, token = issue_key(running.ledger, name="full", tags=Tags(project="full"))
    answers: list[Message] = []
    thread = threading.Thread(target=lambda: asyncio.run(_wait_all(running.gateway, token, count, answers)))
    thread.start()
    try:
        wait_until(lambda: len(waiting(running.ledger)) == count, f"{count} questions", LONG_S)
        yield answers
    finally:
        refuse_all(running.ledger, [call.approval_id for call in waiting(running.ledger)], by="test")
        thread.join(LONG_S)
    assert not thread.is_alive()


async def _wait_all(gateway: str, token: str, count: int, answers: list[Message]) -> None:
    async def one(number: int) -> None:
        address = urlsplit(gateway)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        headers = {"host": address.netloc, "content-type": "application/json", "x-api-key": token}
        headers |= {"x-bursar-session": f"s-{number % 10}"}
        body = BODY.replace(b"[]", b'[{"role": "user", "content": "%d"}]' % number)
        writer.write(make_message(f"POST {CHAT} HTTP/1.1", headers, body))
        answers.append(await read_message(reader))
        writer.close()

    await asyncio.gather(*(one(number) for number in range(count)))


def test_others_go_through_while_a_hundred_calls_wait(running: RunningMeter, provider: Provider) -> None:
    with _waiters(running, 100) as answers:
        for _ in range(10):
            assert post(running, CHAT, BODY)[0] == 200
        assert answers == []
    assert len(provider.seen) == 10
    assert [answer.headers["x-bursar-refusal"] for answer in answers] == ["refused"] * 100


def test_stopped_session_ends_its_waiting_calls_and_no_others(running: RunningMeter, provider: Provider) -> None:
    with _waiters(running, 20) as answers:
        stop_session(running.ledger, "s-3", by="test")
        wait_until(lambda: len(answers) == 2, "the calls of the stopped session")
        assert {answer.headers["x-bursar-refusal"] for answer in answers} == {"stopped"}
        wait_until(lambda: len(waiting(running.ledger)) == 18, "their questions to be closed")
    assert provider.seen == []


def test_paused_session_holds_its_calls_until_it_goes_on_and_no_others(
    running: RunningMeter, provider: Provider
) -> None:
    pause_session(running.ledger, "s-held", by="test")
    held = [{"x-bursar-session": "s-held", "x-stainless-read-timeout": limit} for limit in ("1.25", "60")]
    with ThreadPoolExecutor(2) as pool:
        impatient, patient = (pool.submit(post, running, CHAT, BODY, headers=one) for one in held)
        status, _headers, told = impatient.result(LONG_S)
        assert (status, b"This session is paused in Bursar. Resume it there" in told) == (503, True)
        assert post(running, CHAT, BODY)[0] == 200
        assert not patient.done()
        assert len(provider.seen) == 1
        resume_session(running.ledger, "s-held")
        assert patient.result(LONG_S)[0] == 200
    refused, *others = sorted(running.calls(3), key=lambda one: one.error_type or "", reverse=True)
    assert (refused.error_type, refused.cost_nano_usd) == ("paused", 0)
    assert all(one.outcome is Outcome.COMPLETED for one in others)


def test_sdk_that_gives_up_sooner_than_a_person_answers_goes_on_waiting(
    running: RunningMeter, provider: Provider
) -> None:
    _key, token = issue_key(running.ledger, name="full", tags=Tags(project="full"))
    client = openai_client(running.gateway, token).with_options(timeout=4.0, max_retries=20)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(
            client.chat.completions.create, model="gpt-5-mini", max_completion_tokens=9_000, messages=[]
        )  # fmt: skip
        wait_until(lambda: running.count() >= 2, "the call to be sent again twice")
        (question,) = waiting(running.ledger)
        approve(running.ledger, question.approval_id, by="test")
        assert call.result(LONG_S).choices[0].message.content == "done"
    assert {one.error_type for one in running.calls(3)[:2]} == {"unanswered"}
    assert len(answered(running.ledger)) == 1
    assert len(provider.seen) == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_five_hundred_waiting_calls_hardly_slow_others(running: RunningMeter) -> None:
    alone = _median_s(running)
    with _waiters(running, 500):
        beside = _median_s(running)
    alone = median([alone, _median_s(running)])
    assert beside < 2 * alone, f"{beside * 1000:.1f} ms beside 500 waiting calls, {alone * 1000:.1f} ms alone"


def _median_s(running: RunningMeter, count: int = 60) -> float:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        assert post(running, CHAT, BODY)[0] == 200
        taken.append(time.perf_counter() - started)
    return median(taken)
