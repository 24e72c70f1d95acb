"""A played Claude behind Anthropic's Messages, streamed or whole, with tools and a helper where the agent has one."""

import json
from typing import Any

from tests.end2end.agents.script import A_TITLE, HELPERS_PROMPT, Bill, Step, next_step
from tests.end2end.provider import Answer, Seen, in_pieces

EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
SHELLS = ("Bash", "bash")
"""What Claude Code and opencode call their tool for commands."""
HELPERS: dict[str, dict[str, Any]] = {
    "Agent": {"subagent_type": "general-purpose", "run_in_background": False},
    "task": {"subagent_type": "general"},
}
"""What they call their tool for helpers, and what it wants to know."""


class MessagesModel:
    """Claude Haiku 4.5: $1 a million in, $0.10 of it read from the cache, $1.25 of it written there, $5 out."""

    def __init__(self) -> None:
        self.bill = Bill()

    def answer(self, seen: Seen) -> Answer:
        """Messages streamed or whole; anything else is not here."""
        if seen.method != "POST" or seen.path.partition("?")[0] != "/v1/messages":
            return Answer([b'{"type":"error","error":{"type":"not_found_error","message":"none"}}'], status=404)
        request = json.loads(seen.body)
        number = next(self.bill.numbers)
        fresh, read, written, made = 100 + number, 3000 + number, 500 + number, 40 + number
        cost = fresh * 1000 + read * 100 + written * 1250 + made * 5000
        self.bill.add(fresh + read + written, read, made, cost)
        usage = {
            "input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": made,
            "service_tier": "standard",
        }
        block = self._block(request, number)
        message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001"}
        stop = {"stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn", "stop_sequence": None}
        if not request.get("stream"):
            return Answer([json.dumps(message | {"content": [block], "usage": usage} | stop).encode()])
        start: dict[str, Any] = message | {"content": [], "usage": usage | {"output_tokens": 1}, "stop_reason": None}
        return Answer(in_pieces(_streamed(start, block, stop, made)), headers=EVENTS)

    def _block(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        tools = {str(tool.get("name")) for tool in request.get("tools", [])}
        shell = next((name for name in SHELLS if name in tools), "")
        helper = next((name for name in HELPERS if name in tools), "")
        blocks = [block for message in request["messages"] for block in _blocks(message["content"])]
        results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        self.bill.results |= results
        if not shell:
            return {"type": "text", "text": A_TITLE}
        is_helper = any(HELPERS_PROMPT in block.get("text", "") for block in blocks)
        return _spoken(next_step(len(results), is_helper=is_helper, has_helpers=bool(helper)), shell, helper, number)


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _spoken(step: Step, shell: str, helper: str, number: int) -> dict[str, Any]:
    if step.text:
        return {"type": "text", "text": step.text}
    asked: dict[str, Any] = {"command": step.command, "description": "Leave a proof"}
    if step.hands_over:
        asked = {"description": "A part", "prompt": HELPERS_PROMPT} | HELPERS[helper]
    return {"type": "tool_use", "id": f"toolu_{number}", "name": helper if step.hands_over else shell, "input": asked}


def _streamed(start: dict[str, Any], block: dict[str, Any], stop: dict[str, Any], made: int) -> bytes:
    """One message as Anthropic streams it, with a ping in between and the output told at the end."""
    blank: dict[str, Any] = {"input": {}} if block["type"] == "tool_use" else {"text": ""}
    empty = block | blank
    if block["type"] == "tool_use":
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    else:
        delta = {"type": "text_delta", "text": block["text"]}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": made}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
