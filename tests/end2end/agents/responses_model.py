"""A played model behind OpenAI's Responses, over a socket or as server-sent events."""

import json
from typing import Any

from tests.end2end.agents.script import Bill, next_step
from tests.end2end.provider import Answer, Seen, in_pieces

EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


class ResponsesModel:
    """gpt-5-mini: $0.25 a million in, $0.025 of it cached, $2 out."""

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
        number = next(self.bill.numbers)
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
        """On a socket only what is new comes along, so the results of earlier turns count too."""
        results = {item["call_id"] for item in request["input"] if item.get("type") == "custom_tool_call_output"}
        self.bill.results |= results
        step = next_step(len(self.bill.results))
        if step.text:
            content = [{"type": "output_text", "text": step.text, "annotations": []}]
            return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
        script = f"const done = await tools.exec_command({{cmd: {json.dumps(step.command)}}}); text(done)"
        call = {"id": f"ctc_{number}", "call_id": f"call_{number}", "name": "exec", "input": script}
        return {"type": "custom_tool_call", "status": "completed", "namespace": "functions"} | call
