"""A played Gemini: streamed or whole, with function calls and thoughts."""

import json
from typing import Any

from tests.end2end.agents.script import A_TITLE, Bill, Step, next_step
from tests.end2end.provider import Answer, Seen, in_pieces

SHELL = "run_shell_command"


class GeminiModel:
    """Gemini 2.5 Flash: $0.30 a million in, $0.03 of what is read from the cache, $2.50 out, thoughts among it."""

    def __init__(self) -> None:
        self.bill = Bill()

    def answer(self, seen: Seen) -> Answer:
        """A turn, streamed where that is asked for; anything else is not here."""
        path = seen.path.partition("?")[0]
        if not path.endswith((":generateContent", ":streamGenerateContent")):
            return Answer([b'{"error":{"code":404,"message":"none","status":"NOT_FOUND"}}'], status=404)
        request = json.loads(seen.body)
        number = next(self.bill.numbers)
        given, cached, said, thought = 6000 + number, 2000 + number, 30 + number, 10 + number
        cost = (given - cached) * 300 + cached * 30 + (said + thought) * 2500
        self.bill.add(given, cached, said + thought, cost)
        usage = {
            "promptTokenCount": given,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": said,
            "thoughtsTokenCount": thought,
            "totalTokenCount": given + said + thought,
        }
        candidate = {"content": {"role": "model", "parts": [self._part(request, number)]}, "index": 0}
        start = {"candidates": [candidate], "usageMetadata": usage | {"candidatesTokenCount": 1}}
        end = {"candidates": [candidate | {"finishReason": "STOP"}], "usageMetadata": usage}
        whole: dict[str, Any] = {"modelVersion": "gemini-2.5-flash", "responseId": f"answer-{number}"}
        if path.endswith(":generateContent"):
            return Answer([json.dumps(whole | end).encode()])
        empty = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0}
        first = whole | start | {"candidates": [empty]}
        events = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in (first, whole | end))
        return Answer(in_pieces(events.encode()), headers={"content-type": "text/event-stream"})

    def _part(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        tools = {one["name"] for tool in request.get("tools", []) for one in tool.get("functionDeclarations", [])}
        if SHELL not in tools:
            return {"text": A_TITLE}
        parts = [part for content in request["contents"] for part in content["parts"]]
        results = [part["functionResponse"]["id"] for part in parts if "functionResponse" in part]
        self.bill.results.update(results)
        return _spoken(next_step(len(set(results))), number)


def _spoken(step: Step, number: int) -> dict[str, Any]:
    if step.text:
        return {"text": step.text}
    asked = {"command": step.command, "description": "Leave a proof"}
    return {"functionCall": {"id": f"call-{number}", "name": SHELL, "args": asked}}
