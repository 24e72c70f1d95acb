"""A played model behind OpenAI's Chat Completions: with tools, or for aider, whose edits stand in the text."""

import json
from typing import Any

from tests.end2end.agents.script import COMMANDS, PROOF, Bill, Step, next_step
from tests.end2end.provider import Answer, Seen, in_pieces

EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
SHELL = "shell"
TESTED = "I ran this command"
"""How aider tells the model of a test that failed."""


RATES = {"gpt-5-mini": (250, 25, 2000), "gpt-5-nano": (50, 5, 400)}
"""Nano-dollars for a token: in, in from the cache, out."""


class ChatModel:
    """gpt-5-mini, and gpt-5-nano for small things."""

    def __init__(self) -> None:
        self.bill = Bill()

    def answer(self, seen: Seen) -> Answer:
        """A turn, streamed where that is asked for, its usage too; anything else is not here."""
        if seen.method != "POST" or seen.path != "/v1/chat/completions":
            return Answer([b'{"error":{"message":"none","type":"invalid_request_error"}}'], status=404)
        request = json.loads(seen.body)
        number = next(self.bill.numbers)
        given, cached, made = 5000 + number, 1500 + number, 60 + number
        fresh_rate, cached_rate, made_rate = RATES[request["model"]]
        self.bill.add(given, cached, made, (given - cached) * fresh_rate + cached * cached_rate + made * made_rate)
        usage = {
            "prompt_tokens": given,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens": made,
            "completion_tokens_details": {"reasoning_tokens": made // 3},
            "total_tokens": given + made,
        }
        message = {"role": "assistant"} | self._said(request, number)
        reason = "tool_calls" if "tool_calls" in message else "stop"
        shell = {"id": f"chatcmpl-{number}", "created": 1_760_000_000, "model": f"{request['model']}-2025-08-07"}
        if request.get("stream"):
            is_usage_wanted = request.get("stream_options", {}).get("include_usage")
            return _streamed(shell, message, reason, usage if is_usage_wanted else None)
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return Answer([json.dumps(shell | {"object": "chat.completion", "choices": [choice], "usage": usage}).encode()])

    def _said(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        messages = request["messages"]
        if not request.get("tools"):
            return {"content": _edit(messages)}
        results = {message["tool_call_id"] for message in messages if message["role"] == "tool"}
        self.bill.results |= results
        return _spoken(next_step(len(results)), number)


def _edit(messages: list[dict[str, Any]]) -> str:
    """What aider is told: the whole file, with its second line once a test has missed that; or a commit's subject."""
    if "commit message" in str(messages[0]["content"]):
        return "chore: leave a proof"
    lines = [command.split()[1] for command in COMMANDS]
    is_tested = TESTED in str(messages[-2:])
    return "\n".join([PROOF, "```", *(lines if is_tested else lines[:1]), "```", ""])


def _spoken(step: Step, number: int) -> dict[str, Any]:
    if step.text:
        return {"content": step.text}
    function = {"name": SHELL, "arguments": json.dumps({"command": step.command})}
    return {"content": None, "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}]}


def _streamed(shell: dict[str, Any], message: dict[str, Any], reason: str, usage: dict[str, Any] | None) -> Answer:
    delta = message | ({"tool_calls": [{"index": 0} | message["tool_calls"][0]]} if "tool_calls" in message else {})
    shell = shell | {"object": "chat.completion.chunk"}
    chunks = [
        shell | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        shell | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        *([shell | {"choices": [], "usage": usage}] if usage else []),
    ]
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return Answer(in_pieces(events.encode()), headers=EVENTS)
