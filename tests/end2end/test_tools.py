"""Real SDKs run tools in a loop through a real meter; one tool fails, and is tried again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from openai.types.chat import ChatCompletionMessageParam

from app.core.tags import Tags
from app.core.tool_call import ToolCall, ToolOutcome
from app.keys.issue import issue_key
from app.ledger.call_store import recent_calls
from app.ledger.engine import open_ledger
from app.ledger.tool_store import key_tool_sums, tools_of_call
from tests.end2end import sdks
from tests.end2end.meter_process import RunningMeter, meter, read_event, start_process, stop_process, wait_until
from tests.end2end.provider import Answer, Provider, Seen, in_pieces

pytestmark = pytest.mark.end2end

FAILED, SUCCEEDED, UNKNOWN = ToolOutcome.FAILED, ToolOutcome.SUCCEEDED, ToolOutcome.UNKNOWN
COMMAND = "make the SECRET-PLAN-4711"
OUTPUT = "the SECRET-RESULT-4711 is out"


@pytest.fixture
def running(provider: Provider, home: Path) -> Iterator[RunningMeter]:
    with meter(home, dict.fromkeys(("anthropic", "openai", "google"), provider.url)) as started:
        yield started


def tools_of(running: RunningMeter, calls: int) -> list[ToolCall]:
    """All tool calls, oldest first, once so many calls are in the ledger."""
    wait_until(lambda: running.count() >= calls, f"{calls} calls")
    made = recent_calls(running.ledger, calls)[::-1]
    return [tool for call in made for tool in tools_of_call(running.ledger, call.call_id)]


def brief(tools: list[ToolCall]) -> list[tuple[str, str, ToolOutcome, bool]]:
    return [(tool.name, tool.server, tool.outcome, tool.is_retry) for tool in tools]


def messages_stream(number: int, *calls: tuple[str, dict[str, Any]]) -> Answer:
    """An Anthropic stream that asks for these tools, or just speaks."""
    usage = {"input_tokens": 1_000, "output_tokens": 1}
    start = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": []}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start | {"usage": usage}}]
    blocks = [
        {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": name, "input": {}}
        for place, (name, _) in enumerate(calls)
    ]
    for place, block in enumerate(blocks or [{"type": "text", "text": ""}]):
        text = json.dumps(calls[place][1]) if calls else "done"
        kind = {"type": "input_json_delta", "partial_json": text} if calls else {"type": "text_delta", "text": text}
        events += [
            {"type": "content_block_start", "index": place, "content_block": block},
            {"type": "content_block_delta", "index": place, "delta": kind},
            {"type": "content_block_stop", "index": place},
        ]
    reason = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": reason, "usage": {"output_tokens": 50}}, {"type": "message_stop"}]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Answer(in_pieces(body.encode()), headers={"content-type": "text/event-stream"})


def test_a_tool_that_fails_twice_in_a_loop_of_anthropics_sdk(running: RunningMeter, provider: Provider) -> None:
    make = ("Bash", {"command": COMMAND})
    turns = [(make, ("mcp__git__log", {"n": 1})), (make,), (make,), ()]
    provider.answer = lambda seen: messages_stream(len(provider.seen), *turns[len(provider.seen) - 1])
    client = sdks.anthropic_client(running.gateway, running.token)
    messages: list[Any] = [{"role": "user", "content": "make it"}]
    for fails in (True, True, False, False):
        with client.messages.stream(model="claude-haiku-4-5", max_tokens=100, messages=messages) as stream:
            answer = stream.get_final_message()
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": OUTPUT,
                "is_error": fails and block.name == "Bash",
            }
            for block in answer.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})

    tools = tools_of(running, 4)
    assert brief(tools) == [
        ("Bash", "", FAILED, False),
        ("mcp__git__log", "git", SUCCEEDED, False),
        ("Bash", "", FAILED, True),
        ("Bash", "", SUCCEEDED, True),
    ]
    assert {tool.argument_bytes for tool in tools if tool.name == "Bash"} == {len(json.dumps({"command": COMMAND}))}
    assert {tool.result_bytes for tool in tools} == {len(OUTPUT)}
    assert all(tool.latency_ms is not None and tool.latency_ms < 20_000 for tool in tools)
    assert len({tool.fingerprint for tool in tools if tool.name == "Bash"}) == 1
    _assert_costs(running)
    _assert_nothing_kept(running)


def test_a_result_that_the_provider_turned_away_is_booked_with_the_call_that_took_it(
    running: RunningMeter, provider: Provider
) -> None:
    overloaded = Answer([b'{"type":"error","error":{"type":"overloaded_error","message":"later"}}'], status=529)
    answers = [messages_stream(1, ("Bash", {"command": "ls"})), overloaded, messages_stream(2)]
    provider.answer = lambda _seen: answers[len(provider.seen) - 1]
    client = sdks.anthropic_client(running.gateway, running.token)
    messages: list[Any] = [{"role": "user", "content": "go"}]
    for _ in range(2):
        with client.messages.stream(model="claude-haiku-4-5", max_tokens=100, messages=messages) as stream:
            answer = stream.get_final_message()
        result = {"type": "tool_result", "tool_use_id": "toolu_1_0", "content": "x", "is_error": True}
        said = [block.to_dict() for block in answer.content]
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": [result]}]

    [tool] = tools_of(running, 3)
    _first, turned_away, taken = recent_calls(running.ledger, 3)[::-1]
    assert (turned_away.status_code, turned_away.cost_nano_usd) == (529, 0)
    assert (tool.outcome, tool.result_call_id) == (FAILED, taken.call_id)


def _assert_costs(running: RunningMeter) -> None:
    """The second and third call followed failures."""
    _first, second, third, _last = recent_calls(running.ledger, 4)[::-1]
    sums = key_tool_sums(running.ledger, second.tags.virtual_key_id)
    assert [(one.name, one.calls, one.failed, one.retries) for one in sums.tools] == [
        ("Bash", 3, 2, 2),
        ("mcp__git__log", 1, 0, 0),
    ]
    assert sums.total.followed_nano_usd == (second.cost_nano_usd or 0) + (third.cost_nano_usd or 0) > 0


def _assert_nothing_kept(running: RunningMeter) -> None:
    """Neither arguments nor results stand in any file of Bursar's."""
    kept = {path.name: path.read_bytes() for path in running.home.rglob("*") if path.is_file()}
    assert {"ledger.sqlite", "ledger.sqlite.key"} <= kept.keys()
    for secret in (COMMAND, OUTPUT, "SECRET", "4711"):
        assert [name for name, data in kept.items() if secret.encode() in data] == []


def chat_answer(number: int) -> Answer:
    call = {"id": f"call_{number}", "type": "function", "function": {"name": "run", "arguments": '{"n": 1}'}}
    said: dict[str, Any] = {"role": "assistant", "content": None if number < 3 else "done"}
    if number < 3:
        said["tool_calls"] = [call]
    choice = {"index": 0, "message": said, "finish_reason": "tool_calls" if number < 3 else "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    whole = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "gpt-5-mini"}
    return Answer([json.dumps(whole | {"choices": [choice], "usage": usage}).encode()])


def chat_loop(running: RunningMeter, messages: list[ChatCompletionMessageParam], output: str) -> None:
    """One turn: ask, and put the answer's tool call with this result behind it."""
    client = sdks.openai_client(running.gateway, running.token)
    message = client.chat.completions.create(model="gpt-5-mini", messages=messages).choices[0].message
    messages.append(message.to_dict())  # type: ignore[arg-type]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": output} for call in message.tool_calls or ()]


def test_a_result_is_tied_to_its_call_although_the_meter_was_killed_between(provider: Provider, home: Path) -> None:
    provider.answer = lambda _seen: chat_answer(len(provider.seen))
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "run it"}]
    ledger = open_ledger(home / "ledger.sqlite")
    _key, token = issue_key(ledger, name="agent", tags=Tags(project="p"))
    first = start_process(home, {"openai": provider.url})
    running = RunningMeter(first, str(read_event(first)["gateway"]), "", ledger, token, home)
    chat_loop(running, messages, '{"error": "no such file"}')
    running.calls(1)
    first.kill()
    first.wait()

    second = start_process(home, {"openai": provider.url})
    running.gateway = str(read_event(second)["gateway"])
    chat_loop(running, messages, '{"exit_code": 0}')
    chat_loop(running, messages, "")
    assert brief(tools_of(running, 3)) == [("run", "", FAILED, False), ("run", "", SUCCEEDED, True)]
    stop_process(second)
    ledger.close()
    for stream in (first.stdin, first.stdout, second.stdout):
        assert stream is not None
        stream.close()


def gemini_answer(parts: list[dict[str, Any]]) -> Answer:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    body = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "r"}
    return Answer([json.dumps(body).encode()])


def test_gemini_results_without_ids_go_by_name_and_order(running: RunningMeter, provider: Provider) -> None:
    asked = [{"functionCall": {"name": name, "args": {"n": n}}} for name, n in (("read", 1), ("list", 2), ("read", 3))]

    def answer(seen: Seen) -> Answer:
        return gemini_answer([{"text": "done"}] if b"functionResponse" in seen.body else asked)

    provider.answer = answer
    responses: list[Callable[[str], dict[str, Any]]] = [
        lambda name: {"name": name, "response": {"output": "x"}},
        lambda name: {"name": name, "response": {"output": "x"}},
        lambda name: {"name": name, "response": {"error": "no"}},
    ]
    client = sdks.gemini_client(running.gateway, running.token)
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="go")])]
    first = client.models.generate_content(model="gemini-2.5-flash", contents=contents)
    assert first.candidates is not None
    contents.append(first.candidates[0].content)
    told = [part(name) for part, name in zip(responses, ("read", "list", "read"), strict=True)]
    parts = [types.Part(function_response=types.FunctionResponse(**one)) for one in told]
    contents.append(types.Content(role="user", parts=parts))
    client.models.generate_content(model="gemini-2.5-flash", contents=contents)

    found = [(tool.name, tool.outcome, tool.provider_id) for tool in tools_of(running, 2)]
    assert found == [("read", SUCCEEDED, ""), ("list", SUCCEEDED, ""), ("read", FAILED, "")]


def test_an_answer_that_breaks_off_in_a_tool_call_asked_for_none(running: RunningMeter, provider: Provider) -> None:
    whole = messages_stream(1, ("Read", {"file": "a"}), ("Bash", {"command": "ls"})).body
    cut = whole[: whole.index(b'"partial_json"', whole.index(b"Bash")) + 20]
    provider.answer = lambda _seen: Answer([cut], headers={"content-type": "text/event-stream"}, breaks_off=True)
    client = sdks.anthropic_client(running.gateway, running.token).with_options(max_retries=0)
    with (
        pytest.raises(Exception, match=r"(?i)peer|incomplete|clos"),
        client.messages.stream(
            model="claude-haiku-4-5", max_tokens=100, messages=[{"role": "user", "content": "go"}]
        ) as stream,
    ):
        stream.get_final_message()
    assert brief(tools_of(running, 1)) == [("Read", "", UNKNOWN, False)]
