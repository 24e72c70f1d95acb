"""Agents on real SDKs go round in circles behind a real meter; healthy ones do not notice it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from app.core.loops import LoopKind, LoopLevel
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.approval_store import Approval, answered, approve, refuse, waiting
from app.ledger.engine import open_ledger
from app.ledger.loop_rule_store import set_rules
from app.ledger.loop_store import Loop, let_go_on, list_loops
from app.ledger.session_store import list_stopped_sessions, resume_session
from tests.end2end import sdks
from tests.end2end.meter_process import (
    NewCalls,
    RunningMeter,
    meter,
    read_event,
    start_process,
    stop_process,
    wait_until,
)
from tests.end2end.provider import Answer, Provider, chat_completion

pytestmark = pytest.mark.end2end

EVER = datetime(2026, 1, 1, tzinfo=UTC)
COMMAND = "make the SECRET-PLAN-4711"


def asking(provider: Provider) -> Answer:
    """An answer that asks for the same tool once more."""
    number = len(provider.seen)
    block = {"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": COMMAND}}
    said = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-haiku-4-5"}
    usage = {"input_tokens": 1_000, "output_tokens": 50}
    whole = said | {"content": [block], "stop_reason": "tool_use", "stop_sequence": None, "usage": usage}
    return Answer([json.dumps(whole).encode()])


class Agent:
    """Does what it is told by the model, and tells how that went: `result` is asked for each, text and failure."""

    def __init__(self, running: RunningMeter, result: Callable[[int], tuple[str, bool]], session: str = "") -> None:
        headers = {"x-bursar-session": session or f"session {running.token[-6:]}"}
        self._client = sdks.anthropic_client(running.gateway, running.token).with_options(default_headers=headers)
        self._result = result
        self.messages: list[Any] = [{"role": "user", "content": "make it"}]
        self.turns = 0

    def turn(self) -> None:
        """One call, and the tools that its answer asked for."""
        answer = self._client.messages.create(model="claude-haiku-4-5", max_tokens=100, messages=self.messages)
        self.messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        text, failed = self._result(self.turns)
        self.turns += 1
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": text, "is_error": failed}
            for block in answer.content
            if block.type == "tool_use"
        ]
        self.messages.append({"role": "user", "content": results})

    def run(self, turns: int) -> None:
        for _ in range(turns):
            self.turn()


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[Provider]:
    with Provider(lambda _seen: Answer([b"{}"], status=500)).running() as started:
        yield started


@pytest.fixture(scope="module")
def shared_meter(module_home: Path, shared_provider: Provider) -> Iterator[RunningMeter]:
    with meter(module_home, {"anthropic": shared_provider.url, "openai": shared_provider.url}) as started:
        yield started


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    """Asks for the same tool again and again, unless a test says otherwise."""
    shared_provider.seen.clear()
    shared_provider.answer = lambda _seen: asking(shared_provider)
    return shared_provider


@pytest.fixture
def running(shared_meter: RunningMeter, provider: Provider, project: str) -> RunningMeter:
    """The meter with a key for the test's own project."""
    _key, token = issue_key(shared_meter.ledger, name=project, tags=Tags(project=project))
    return replace(shared_meter, token=token)


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """The project of the test's calls."""
    return str(request.node.name[-60:])


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def question(running: RunningMeter) -> Approval:
    wait_until(lambda: waiting(running.ledger), "a question about the loop")
    return waiting(running.ledger)[0]


def only_loop(running: RunningMeter, project: str) -> Loop:
    (found,) = list_loops(running.ledger, EVER, project=project)
    return found


def failing(_turn: int) -> tuple[str, bool]:
    return "no rule to make target", True


def test_a_failing_tool_tried_again_and_again_waits_for_a_person_who_lets_it_go_on(
    running: RunningMeter, provider: Provider, pool: ThreadPoolExecutor, project: str
) -> None:
    agent = Agent(running, failing)
    run: Future[None] = pool.submit(agent.run, 13)
    asked = question(running)
    assert len(provider.seen) == 9  # eight failures were carried to the model
    assert asked.is_about_loop
    assert asked.cap_name == "Bash with the same arguments, failed 8 times"
    assert asked.spent_nano_usd == 7 * 1_250_000  # eight calls asked for it, the first was no repetition
    approve(running.ledger, asked.approval_id, by="test")
    run.result(30)
    assert len(provider.seen) == 13
    assert only_loop(running, project).was_let_go

    run = pool.submit(agent.run, 10)
    asked = question(running)
    assert asked.cap_name == "Bash with the same arguments, failed 16 times"
    refuse(running.ledger, asked.approval_id, by="test")
    with pytest.raises(anthropic.APIStatusError) as refused:
        run.result(30)
    assert "Bash was called with the same arguments 16 times in a row and failed each time." in str(refused.value)
    assert refused.value.response.headers["x-bursar-refusal"] == "refused"
    assert list_stopped_sessions(running.ledger)[0].session == asked.tags.session
    assert len(provider.seen) == 17
    _assert_nothing_kept(running)


def _assert_nothing_kept(running: RunningMeter) -> None:
    kept = {path.name: path.read_bytes() for path in running.home.rglob("*") if path.is_file()}
    for secret in (b"SECRET", b"no rule to make"):
        assert [name for name, data in kept.items() if secret in data] == []


def test_a_stopped_session_that_is_resumed_goes_on_until_it_has_gone_round_twice_as_often(
    running: RunningMeter, provider: Provider, pool: ThreadPoolExecutor
) -> None:
    agent = Agent(running, failing)
    run = pool.submit(agent.run, 20)
    stopped = question(running)
    refuse(running.ledger, stopped.approval_id, by="test")
    with pytest.raises(anthropic.APIStatusError):
        run.result(30)
    with pytest.raises(anthropic.APIStatusError, match="stopped"):
        agent.turn()
    resume_session(running.ledger, stopped.tags.session)
    agent.run(3)
    assert len(provider.seen) == 12


def test_what_blocks_refuses_for_good_says_what_repeats_and_lets_a_person_who_speaks_through(
    running: RunningMeter, provider: Provider, project: str, new_calls: NewCalls
) -> None:
    set_rules(running.ledger, project, {LoopKind.FAILING: LoopLevel.BLOCK})
    agent = Agent(running, failing)
    with pytest.raises(anthropic.APIStatusError) as refused:
        agent.run(20)
    assert "Bash was called with the same arguments 8 times in a row and failed each time." in str(refused.value)
    assert refused.value.response.headers["x-bursar-refusal"] == "loop"
    assert "x-bursar-remaining-usd" not in refused.value.response.headers
    assert len(provider.seen) == 9  # and was not tried again
    assert [call.error_type for call in new_calls(10)].count("loop") == 1

    agent.messages.append({"role": "assistant", "content": "I stop."})
    agent.messages.append({"role": "user", "content": "Look into the Makefile first."})
    agent.turn()
    assert len(provider.seen) == 10
    agent.run(2)  # another beginning: nothing repeats yet
    assert not only_loop(running, project).stands


def test_a_blocked_loop_can_be_let_go_on(running: RunningMeter, provider: Provider, project: str) -> None:
    set_rules(running.ledger, project, {LoopKind.FAILING: LoopLevel.BLOCK})
    agent = Agent(running, failing)
    with pytest.raises(anthropic.APIStatusError):
        agent.run(20)
    let_go_on(running.ledger, only_loop(running, project).loop_id, by="test")
    agent.run(4)
    assert len(provider.seen) == 13


def test_rules_of_a_project_hold_there_alone(running: RunningMeter, provider: Provider, project: str) -> None:
    set_rules(running.ledger, "another", {LoopKind.FAILING: LoopLevel.BLOCK})
    set_rules(running.ledger, project, {LoopKind.FAILING: LoopLevel.ALERT})
    Agent(running, failing).run(20)
    assert len(provider.seen) == 20
    found = only_loop(running, project)
    wait_until(lambda: only_loop(running, project).finding.count == 19, "the last call")
    assert (found.finding.level, found.stands, found.tags.project) == (LoopLevel.ALERT, False, project)
    assert found.told_at is not None


def test_a_poll_whose_output_changes_and_a_tool_that_fails_between_others_are_left_alone(
    running: RunningMeter, provider: Provider, project: str, new_calls: NewCalls
) -> None:
    Agent(running, lambda turn: (f"{turn} of 40 done", False)).run(25)
    Agent(running, lambda turn: (f"error {turn}", turn % 3 < 2), "another session").run(15)
    assert len(provider.seen) == 40
    assert len(new_calls(40)) == 40
    assert list_loops(running.ledger, EVER, project=project) == []


def test_the_same_result_again_and_again_is_a_loop_though_nothing_fails(
    running: RunningMeter, pool: ThreadPoolExecutor
) -> None:
    run = pool.submit(Agent(running, lambda _turn: ("nothing to do", False)).run, 20)
    asked = question(running)
    assert asked.cap_name == "Bash with the same arguments, 10 times"
    refuse(running.ledger, asked.approval_id, by="test")
    with pytest.raises(anthropic.APIStatusError, match="gave the same result each time"):
        run.result(30)


def test_other_sessions_are_not_held_up(running: RunningMeter, pool: ThreadPoolExecutor) -> None:
    run = pool.submit(Agent(running, failing).run, 20)
    asked = question(running)
    Agent(running, lambda turn: (f"{turn}", False), "another session").run(3)
    refuse(running.ledger, asked.approval_id, by="test")
    with pytest.raises(anthropic.APIStatusError):
        run.result(30)


def test_the_same_request_again_and_again_is_told_and_stops_nothing_until_a_person_wants_it(
    running: RunningMeter, provider: Provider, project: str, new_calls: NewCalls
) -> None:
    provider.answer = lambda _seen: chat_completion(100, 10)
    client = sdks.openai_client(running.gateway, running.token)

    def ask(text: str, times: int = 1) -> None:
        for _ in range(times):
            client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": text}])

    for number in range(6):
        ask("the same")
        new_calls(number + 1)
    assert (only_loop(running, project).finding.count, only_loop(running, project).finding.level) == (
        6,
        LoopLevel.ALERT,
    )
    set_rules(running.ledger, project, {LoopKind.REQUEST: LoopLevel.BLOCK})
    with pytest.raises(openai.APIStatusError, match=r"The same request was sent 20 times in a row\."):
        ask("the same", 30)
    ask("another")
    assert len(provider.seen) <= 23


def test_retries_of_an_sdk_are_no_loop(running: RunningMeter, provider: Provider, project: str) -> None:
    def answer(_seen: object) -> Answer:
        overloaded = len(provider.seen) % 3 != 0
        soon = {"content-type": "application/json", "retry-after-ms": "1"}
        return Answer([b"{}"], status=429, headers=soon) if overloaded else chat_completion(100, 10)

    provider.answer = answer
    client = sdks.openai_client(running.gateway, running.token).with_options(max_retries=5)
    for number in range(6):
        client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": f"{number // 3}"}])
    assert len(provider.seen) == 18
    assert list_loops(running.ledger, EVER, project=project) == []


def test_a_meter_that_was_killed_goes_on_counting(
    home: Path, provider: Provider, pool: ThreadPoolExecutor, project: str
) -> None:
    provider.answer = lambda _seen: asking(provider)
    ledger = open_ledger(home / "ledger.sqlite")
    _key, token = issue_key(ledger, name="agent", tags=Tags(project="p"))
    first = start_process(home, {"anthropic": provider.url})
    running = RunningMeter(first, str(read_event(first)["gateway"]), "", ledger, token, home)
    agent = Agent(running, failing)
    agent.run(6)
    running.calls(6)
    first.kill()
    first.wait()

    second = start_process(home, {"anthropic": provider.url})
    running.gateway = str(read_event(second)["gateway"])
    messages, agent = agent.messages, Agent(running, failing)
    agent.messages = messages
    run = pool.submit(agent.run, 20)
    asked = question(running)
    assert asked.cap_name == "Bash with the same arguments, failed 8 times"
    refuse(ledger, asked.approval_id, by="test")
    with pytest.raises(anthropic.APIStatusError):
        run.result(30)
    assert answered(ledger)[0].is_about_loop
    stop_process(second)
    ledger.close()
    for stream in (first.stdin, first.stdout, second.stdout):
        assert stream is not None
        stream.close()
