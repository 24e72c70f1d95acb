"""Agents with planted faults, through a real meter: `bursar explain` names each as the first cause, to its dollars."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from app.core.loops import LoopKind, LoopLevel
from app.core.tags import Tags
from app.insight.causes import Cause
from app.keys.issue import issue_key
from app.ledger.call_store import recent_calls
from app.ledger.loop_rule_store import set_rules
from tests.end2end import sdks
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Answer, Provider, Seen

pytestmark = pytest.mark.end2end

OPUS, HAIKU = "claude-opus-4-8", "claude-haiku-4-5"
RATES = {OPUS: (500, 6_250, 25_000), HAIKU: (100, 1_250, 5_000)}
"""Nano-dollars a token that is read from the cache, written to it, or made (Anthropic's price list)."""
OUTPUT_TOKENS = 50
HEALTHY_TASKS = 5
TURNS = 5


def words(name: str, letters: int) -> str:
    return f"{name} " + "x" * (letters - len(name) - 1)


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


_CONVERSATION = ("x-bursar-session", "x-claude-code-agent-id", "x-claude-code-request-class")
TOOLS = [
    {"name": name, "description": words(name, 8_000), "input_schema": {"type": "object"}} for name in ("read", "run")
]


class Biller:
    """A provider with a cache that begins anew with each task's own system prompt. It bills each call, and knows what
    the call wrote again of the request before in its conversation, or in the place of its system prompt."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, ...]] = set()
        self.bills: list[int] = []
        self.again: list[int] = []
        self._before: dict[str, list[str]] = {}

    def answer(self, seen: Seen) -> Answer:
        body = json.loads(seen.body)
        model, read_rate, write_rate, made_rate = body["model"], *RATES[body["model"]]
        texts = [tool["description"] for tool in body["tools"]] + [body["system"][0]["text"]]
        texts += [
            json.dumps({**part, "cache_control": 0}) for message in body["messages"] for part in message["content"]
        ]
        whole = [(model, *texts[:length]) for length in range(len(texts) + 1)]
        read = max(length for length, prefix in enumerate(whole) if not length or prefix in self.kept)
        conversation = [value for name, value in sorted(seen.headers.items()) if name.lower() in _CONVERSATION]
        before = self._before.get(str(conversation), [])
        again = _tokens([one for one in texts[read:] if one in before])
        system, place = body["system"][0]["text"], len(body["tools"])
        again += min(_tokens([system]), _tokens(before[place : place + 1])) if system not in before else 0
        self.again.append(again * (write_rate - read_rate))
        self.kept.update(whole[1:])
        self._before[str(conversation)] = texts
        usage = {
            "input_tokens": 0,
            "cache_read_input_tokens": _tokens(texts[:read]),
            "cache_creation_input_tokens": _tokens(texts[read:]),
            "output_tokens": OUTPUT_TOKENS,
        }
        cost = usage["cache_read_input_tokens"] * read_rate + usage["cache_creation_input_tokens"] * write_rate
        self.bills.append(cost + OUTPUT_TOKENS * made_rate)
        number = len(self.bills)
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "run", "input": {"command": "make"}}
        said = [text(words(f"answer {number}", 2_000)), call]
        told = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": model, "content": said}
        return Answer([json.dumps(told | {"stop_reason": "tool_use", "stop_sequence": None, "usage": usage}).encode()])


def _tokens(texts: list[str]) -> int:
    return sum(len(one) // 4 for one in texts)


@dataclass
class Task:
    """One task of an agent on Anthropic's SDK: a conversation in which each turn carries its last tool's result."""

    running: RunningMeter
    token: str
    name: str
    settings: dict[str, Any] = field(default_factory=lambda: {"model": OPUS, "tools": TOOLS})
    messages: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def turn(self, *, failed: bool = False, system: str = "") -> None:
        """Send the next turn, with the result of the tool that the last answer asked for."""
        said = [text(words(f"turn {len(self.messages)} of {self.name}", 2_000))]
        if self.messages:
            asked = self.messages[-1]["content"][-1]["id"]
            said.insert(0, {"type": "tool_result", "tool_use_id": asked, "is_error": failed, "content": "no such file"})
        self.messages.append({"role": "user", "content": said})
        marked = [*said[:-1], said[-1] | {"cache_control": {"type": "ephemeral"}}]
        client = sdks.anthropic_client(self.running.gateway, self.token)
        request: dict[str, Any] = {
            "max_tokens": 200,
            "system": [text(system or words(f"you do {self.name}", 16_000))],
            "messages": [*self.messages[:-1], {"role": "user", "content": marked}],
        }
        labels = {"x-bursar-task": self.name, "x-bursar-session": self.name}
        answer = client.messages.create(**request | self.settings, extra_headers=labels | self.headers)
        content = [part.model_dump(exclude_none=True) for part in answer.content]
        self.messages.append({"role": "assistant", "content": content})

    def turns(self, count: int) -> None:
        """So many turns without a fault."""
        for _ in range(count):
            self.turn()


@pytest.fixture(scope="module")
def biller() -> Biller:
    return Biller()


@pytest.fixture(scope="module")
def running(biller: Biller, module_home: Path) -> Iterator[RunningMeter]:
    with Provider(biller.answer).running() as provider, meter(module_home, {"anthropic": provider.url}) as started:
        set_rules(started.ledger, "", dict.fromkeys(LoopKind, LoopLevel.NOTE))  # none of these faults is stopped
        for model in RATES:  # so that every task finds the tools in the cache
            Task(started, started.token, "before", {"model": model, "tools": TOOLS}).turn()
        yield started


type Plant = Callable[[Task, Biller], int]
"""Does a task with a fault in it, and gives what the fault cost by the provider's bill."""


def retried_tool(task: Task, biller: Biller) -> int:
    task.turns(2)
    before = len(biller.bills)
    for _ in range(20):
        task.turn(failed=True)
    planted = sum(biller.bills[before:])
    task.turns(TURNS - 2)
    return planted


def changing_system_prompt(task: Task, biller: Biller) -> int:
    task.turns(1)
    before = len(biller.again)
    for number in range(TURNS - 1):
        task.turn(system=words(f"it is {number} o'clock, do {task.name}", 16_000))
    return sum(biller.again[before:])


def reordered_tools(task: Task, biller: Biller) -> int:
    task.turns(TURNS - 1)
    task.settings["tools"] = TOOLS[::-1]
    task.turn()
    return biller.again[-1]


def compaction(task: Task, biller: Biller) -> int:
    task.turns(TURNS - 1)
    summing = Task(task.running, task.token, task.name, task.settings, list(task.messages))
    summing.headers = {"x-claude-code-request-class": "compaction"}
    summing.turn(system=words("summarize", 60_000))
    planted = biller.bills[-1]
    task.messages[:] = [{"role": "user", "content": [text(words("summary", 1_000))]}, *task.messages[-1:]]
    task.turn()
    return planted + biller.again[-1]


def idle_gap(task: Task, biller: Biller) -> int:
    task.turns(TURNS - 1)
    biller.kept = {prefix for prefix in biller.kept if not any(task.name in text for text in prefix)}
    calls = len(task.messages) // 2
    wait_until(lambda: _sent(task) == calls, "the last request in the ledger")
    with sqlite3.connect(task.running.home / "ledger.sqlite") as connection:
        connection.execute("UPDATE conversations SET sent_at = sent_at - 420000000")
    connection.close()
    task.turn()
    return biller.again[-1]


def _sent(task: Task) -> int:
    return sum(call.tags.task == task.name for call in recent_calls(task.running.ledger, 50))


def runaway_sub_agent(task: Task, biller: Biller) -> int:
    task.turns(TURNS)
    before = len(biller.bills)
    child = Task(task.running, task.token, task.name, headers={"x-claude-code-agent-id": "explore-1"})
    for _ in range(15):
        child.turn(system=words("you explore", 8_000))
    return sum(biller.bills[before:])


def switched_model(task: Task, biller: Biller) -> int:
    task.turns(2)
    task.settings["model"] = OPUS
    before = len(biller.bills)
    task.turns(TURNS - 2)
    return sum(biller.bills[before:])


@pytest.mark.parametrize(
    ("plant", "causes"),
    [
        (retried_tool, {Cause.AFTER_FAILURES}),
        (changing_system_prompt, {Cause.SYSTEM}),
        (reordered_tools, {Cause.TOOLS}),
        (compaction, {Cause.COMPACTION}),
        (idle_gap, {Cause.EXPIRED}),
        (runaway_sub_agent, {Cause.SUB_AGENTS}),
    ],
    ids=lambda one: one.__name__ if callable(one) else "",
)
def test_a_planted_fault_is_the_first_cause_with_its_dollars(
    running: RunningMeter, biller: Biller, plant: Plant, causes: set[Cause]
) -> None:
    token = _healthy_agent(running, plant.__name__)
    planted = plant(Task(running, token, f"{plant.__name__} faulty"), biller)
    told = _explained(running, f"{plant.__name__} faulty", HEALTHY_TASKS)
    first = max(told["parts"], key=lambda part: abs(part["nano_usd"]))
    assert first["cause"] in causes, told["parts"]
    assert planted > 0
    assert abs(first["nano_usd"] - planted) <= Fraction(planted, 100)


def test_a_switched_model_is_the_first_cause_with_all_that_the_task_cost_more(
    running: RunningMeter, biller: Biller
) -> None:
    token = _healthy_agent(running, "switch", model=HAIKU)
    healthy = sum(biller.bills[-TURNS:])
    before = len(biller.bills)
    switched_model(Task(running, token, "switch faulty", {"model": HAIKU, "tools": TOOLS}), biller)
    planted = sum(biller.bills[before:]) - healthy
    told = _explained(running, "switch faulty", HEALTHY_TASKS)
    by_size = sorted(told["parts"], key=lambda part: -abs(part["nano_usd"]))
    assert {part["cause"] for part in by_size[:2]} == {Cause.PRICE, Cause.MODEL_SWITCH}
    assert abs(sum(part["nano_usd"] for part in by_size[:2]) - planted) <= Fraction(planted, 100)


def _healthy_agent(running: RunningMeter, name: str, model: str = OPUS) -> str:
    """The token of an agent that has done some tasks without a fault."""
    _key, token = issue_key(running.ledger, name=name, tags=Tags(project="p", agent=name, user="me"))
    for number in range(HEALTHY_TASKS):
        Task(running, token, f"{name} {number}", {"model": model, "tools": TOOLS}).turns(TURNS)
    return token


def _explained(running: RunningMeter, name: str, tasks: int) -> dict[str, Any]:
    """What the command says of a task against the agent's others."""
    command = [sys.executable, "-m", "app", "explain", name, "--json"]
    environment = os.environ | {"BURSAR_HOME": str(running.home)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(ran.stdout)
    assert told["tasks_against"] == tasks
    assert sum(part["nano_usd"] for part in told["parts"]) == told["difference_nano_usd"]
    return told
