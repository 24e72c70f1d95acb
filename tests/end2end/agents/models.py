"""Played models in their providers' wire formats: each asks for one tool call, then says that it is done.

A model keeps its own bill, reckoned from its published prices and apart from Bursar's price table.
"""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.end2end.provider import Answer, Seen, in_pieces

EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
PROOF = "proof.txt"
COMMAND = f"echo bursar was here > {PROOF}"


@dataclass
class Bill:
    """What a provider would charge: one line for each answer, in nano-dollars, and the tokens behind it."""

    lines: list[tuple[int, int, int, int]] = field(default_factory=list)
    tool_results: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def nano_usd(self) -> int:
        """The sum."""
        return sum(line[3] for line in self.lines)

    def add(self, given: int, cached: int, made: int, nano_usd: int) -> None:
        """One answer."""
        with self.lock:
            self.lines.append((given, cached, made, nano_usd))


class ResponsesModel:
    """OpenAI's Responses, over a socket or as server-sent events. gpt-5-mini: $0.25 a million in, $0.025 of it cached,
    $2 out."""

    def __init__(self) -> None:
        self.bill = Bill()

    def reply(self, request: dict[str, Any]) -> list[str | bytes]:
        """The messages of one turn on a socket."""
        return [json.dumps(event) for event in self._events(request)]

    def answer(self, seen: Seen) -> Answer:
        """An HTTP answer; an upgrade to a socket is turned down, as by a provider that has none."""
        if "upgrade" in seen.headers:
            return Answer([b'{"error":{"message":"Upgrade Required"}}'], status=426)
        if seen.method != "POST":
            return Answer([b'{"object":"list","data":[]}'])
        events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in self._events_of(seen)]
        return Answer(in_pieces("".join(events).encode()), headers=EVENTS)

    def _events_of(self, seen: Seen) -> list[dict[str, Any]]:
        return self._events(json.loads(seen.body))

    def _events(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        number = len(self.bill.lines) + 1
        is_warm_up = request.get("generate") is False
        given, cached, made = (0, 0, 0) if is_warm_up else (4000 + number, 1000 + number, 50 + number)
        self.bill.add(given, cached, made, (given - cached) * 250 + cached * 25 + made * 2000)
        shell = {"id": f"resp_{number}", "object": "response", "model": "gpt-5-mini-2025-08-07", "output": []}
        items = [] if is_warm_up else [self._item(request, number)]
        usage = {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": made // 2},
            "total_tokens": given + made,
        }
        created = {"type": "response.created", "response": shell | {"status": "in_progress", "usage": None}}
        done = [{"type": "response.output_item.done", "output_index": 0, "item": item} for item in items]
        end = shell | {"status": "completed", "usage": usage, "output": items}
        return [created, *done, {"type": "response.completed", "response": end}]

    def _item(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        kinds = [item.get("type") for item in request["input"]]
        if "custom_tool_call_output" in kinds:
            self.bill.tool_results += 1
            content = [{"type": "output_text", "text": "all done", "annotations": []}]
            return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
        script = f"const done = await tools.exec_command({{cmd: {json.dumps(COMMAND)}}}); text(done)"
        call = {"id": f"ctc_{number}", "call_id": f"call_{number}", "name": "exec", "input": script}
        return {"type": "custom_tool_call", "status": "completed", "namespace": "functions"} | call


class MessagesModel:
    """Anthropic's Messages. Claude Haiku 4.5: $1 a million in, $0.10 of what is read from the cache, $1.25 of what is
    written to it, $5 out."""

    def __init__(self) -> None:
        self.bill = Bill()

    def answer(self, seen: Seen) -> Answer:
        """Messages streamed or whole; anything else is not here."""
        if seen.method != "POST" or not seen.path.startswith("/v1/messages?"):
            return Answer([b'{"type":"error","error":{"type":"not_found_error","message":"none"}}'], status=404)
        request = json.loads(seen.body)
        number = len(self.bill.lines) + 1
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
        tools = {tool.get("name") for tool in request.get("tools", [])}
        contents = [message["content"] for message in request["messages"] if isinstance(message["content"], list)]
        kinds = {block["type"] for content in contents for block in content}
        if "tool_result" in kinds:
            self.bill.tool_results += 1
        if "Bash" not in tools or "tool_result" in kinds:
            return {"type": "text", "text": "all done"}
        asked = {"command": COMMAND, "description": "Leave a proof"}
        return {"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": asked}


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
