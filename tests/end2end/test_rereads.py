"""A real SDK's conversations through a real meter: what a played cache missed is named with its cause and dollars."""

import json
import sqlite3
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from app.core.call_input import CallInput, MissCause
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.call_input_store import input_of_call
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from tests.end2end import sdks
from tests.end2end.meter_process import RunningMeter, meter, read_event, start_process, stop_process, wait_until
from tests.end2end.provider import Answer, Provider, Seen

pytestmark = pytest.mark.end2end

OPUS, HAIKU = "claude-opus-4-8", "claude-haiku-4-5"
WRITE_LESS_READ = {OPUS: Fraction(6_250 - 500), HAIKU: Fraction(1_250 - 100)}
"""Nano-dollars a token: what writing to the cache costs beyond reading from it (Anthropic's price list)."""


def words(name: str, letters: int) -> str:
    return f"{name} " + "x" * (letters - len(name) - 1)


TOOLS = [
    {"name": name, "description": words(name, 20_000), "input_schema": {"type": "object"}} for name in ("read", "run")
]
SYSTEM = words("you are an agent", 24_000)


class PlayedCache:
    """Answers as Anthropic would, with a token for four letters, and knows what each call missed."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, ...]] = set()
        self.missed: list[int] = []
        self._before: list[str] = []

    def answer(self, seen: Seen) -> Answer:
        body = json.loads(seen.body)
        texts = [tool["description"] for tool in body["tools"]] + [body["system"][0]["text"]]
        texts += [part["text"] for message in body["messages"] for part in message["content"]]
        whole = [(body["model"], *texts[:length]) for length in range(len(texts) + 1)]
        read = max(length for length, prefix in enumerate(whole) if not length or prefix in self.kept)
        system, place = texts[len(body["tools"])], len(body["tools"])
        reworded = self._before[place : place + 1] if system not in self._before else []
        again = _tokens([text for text in texts[read:] if text in self._before])
        self.missed.append(again + min(_tokens(reworded), _tokens([system])))
        self.kept.update(whole[1:])
        self._before = texts
        usage = {
            "input_tokens": 0,
            "cache_read_input_tokens": _tokens(texts[:read]),
            "cache_creation_input_tokens": _tokens(texts[read:]),
            "output_tokens": 10,
        }
        told = {"id": f"msg_{len(self.missed)}", "type": "message", "role": "assistant", "model": body["model"]}
        said = [{"type": "text", "text": words(f"answer {len(self.missed)}", 8_000)}]
        whole_answer = told | {"content": said, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
        return Answer([json.dumps(whole_answer).encode()])


def _tokens(texts: list[str]) -> int:
    return sum(len(text) // 4 for text in texts)


@pytest.fixture
def cache(provider: Provider) -> PlayedCache:
    played = PlayedCache()
    provider.answer = played.answer
    return played


@pytest.fixture
def running(cache: PlayedCache, provider: Provider, home: Path) -> Iterator[RunningMeter]:
    with meter(home, {"anthropic": provider.url}) as started:
        yield started


class Agent:
    """A program on Anthropic's SDK that marks its last message for the cache."""

    def __init__(self, gateway: str, token: str, messages: list[dict[str, Any]] | None = None) -> None:
        self._client = sdks.anthropic_client(gateway, token)
        self.messages = messages or []

    def say(self, text: str, **settings: Any) -> None:
        """One turn."""
        self.messages.append({"role": "user", "content": [{"type": "text", "text": words(text, 8_000)}]})
        asked: dict[str, Any] = {"model": OPUS, "max_tokens": 50, "tools": TOOLS, "messages": _marked(self.messages)}
        asked["system"] = [{"type": "text", "text": settings.pop("system", SYSTEM)}]
        answer = self._client.messages.create(**asked | settings, extra_headers={"x-bursar-session": "s"})
        self.messages.append({"role": "assistant", "content": [{"type": "text", "text": answer.content[0].text}]})


def _marked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last = messages[-1]["content"][-1] | {"cache_control": {"type": "ephemeral"}}
    return [*messages[:-1], {"role": "user", "content": [last]}]


def inputs(ledger: Ledger, calls: int) -> list[CallInput]:
    """What is known of so many calls' input, oldest first."""
    wait_until(lambda: len(recent_calls(ledger, 100)) >= calls, f"{calls} calls")
    found = [input_of_call(ledger, call.call_id) for call in recent_calls(ledger, calls)[::-1]]
    return [one for one in found if one is not None]


def assert_planted(told: CallInput, missed: int, model: str = OPUS) -> None:
    """What a call lost is what was planted, within 1 %."""
    planted = missed * WRITE_LESS_READ[model]
    assert planted > 0
    assert told.lost_nano_usd is not None
    assert abs(told.lost_nano_usd - planted) <= planted / 100


def test_each_cause_is_named_with_its_dollars(running: RunningMeter, cache: PlayedCache) -> None:
    agent = Agent(running.gateway, running.token)
    agent.say("first")
    agent.say("second")
    agent.say("third", system=words("today is another day", 24_000))
    agent.say("fourth", system=words("and today yet another", 24_000))
    agent.say("fifth", system=words("and today yet another", 24_000), tools=TOOLS[::-1])
    cache.kept.clear()
    inputs(running.ledger, 5)
    _turn_back(running.home, minutes=7)
    agent.say("sixth", system=words("and today yet another", 24_000), tools=TOOLS[::-1])
    agent.say("seventh", system=words("and today yet another", 24_000), tools=TOOLS[::-1], model=HAIKU)
    agent.messages[:] = [
        {"role": "user", "content": [{"type": "text", "text": words("summary", 4_000)}]},
        *agent.messages[-3:],
    ]
    agent.say("eighth", system=words("and today yet another", 24_000), tools=TOOLS[::-1], model=HAIKU)

    told = inputs(running.ledger, 8)
    assert [(one.cause, one.changed_block) for one in told] == [
        (MissCause.FIRST, ""),
        (MissCause.NONE, ""),
        (MissCause.SYSTEM, "system"),
        (MissCause.SYSTEM, "system"),
        (MissCause.TOOLS, "tools: reordered"),
        (MissCause.EXPIRED, "idle for 7 min"),
        (MissCause.MODEL, f"model: {OPUS} to {HAIKU}"),
        (MissCause.COMPACTED, ""),
    ]
    assert [one.lost_nano_usd for one in told[:2]] == [0, 0]
    for one, missed, model in zip(told[2:], cache.missed[2:], [*[OPUS] * 4, HAIKU, HAIKU], strict=True):
        assert_planted(one, missed, model)
    assert all([tool.name for tool in one.tools] == ["read", "run"] for one in told[:4])
    _assert_nothing_kept(running.home)


def _turn_back(home: Path, minutes: int) -> None:
    """The conversation's last request was so long ago."""
    with sqlite3.connect(home / "ledger.sqlite") as connection:
        connection.execute("UPDATE conversations SET sent_at = sent_at - ?", (minutes * 60_000_000,))
    connection.close()


def _assert_nothing_kept(home: Path) -> None:
    """No word of a prompt, an answer or a definition stands in any file of Bursar's."""
    kept = {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    for said in (b"you are an agent", b"today", b"second", b"summary", b"answer 1", b"xxxxxxxx"):
        assert [name for name, data in kept.items() if said in data] == []


def test_the_cause_is_known_although_the_meter_was_started_again_between(
    provider: Provider, cache: PlayedCache, home: Path
) -> None:
    ledger = open_ledger(home / "ledger.sqlite")
    _key, token = issue_key(ledger, name="agent", tags=Tags(project="p"))
    said: list[dict[str, Any]] = []
    added = {"name": "search", "description": words("search", 20_000), "input_schema": {"type": "object"}}
    for turn, tools in enumerate((TOOLS, TOOLS, [*TOOLS, added])):
        process = start_process(home, {"anthropic": provider.url})
        agent = Agent(str(read_event(process)["gateway"]), token, said)
        agent.say(f"turn {turn}", tools=tools)
        inputs(ledger, turn + 1)
        stop_process(process)
        assert process.stdout is not None
        process.stdout.close()
        said = agent.messages
    first, second, third = inputs(ledger, 3)
    ledger.close()
    assert (first.cause, second.cause, second.missed_tokens) == (MissCause.FIRST, MissCause.NONE, 0)
    assert second.read_tokens == second.resent_tokens > 0
    assert (third.cause, third.changed_block) == (MissCause.TOOLS, "tools: +search")
    assert_planted(third, cache.missed[2])
