"""OpenAI Realtime over a socket, as OpenAI, Azure and xAI speak it. Facts from recordings and documentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.tool_call import ToolResult
from app.core.usage import Usage
from proxy_addon.shapes.fields import (
    UnreadableRequest,
    byte_length,
    count,
    items,
    mapping,
    read_json,
    read_object,
    text,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape, Turn
from proxy_addon.shapes.reported_cost import reported_cost
from proxy_addon.shapes.responses_tools import result_of_item, watch_item
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.unread import Unread

_MODEL_PARAMETERS = ("model", "deployment")
_AUDIO = 128
"""Base64 of speech that stands for one byte of text: a token is 50 ms, which is 533 bytes of it at the lowest rate."""


class OpenAIRealtime(Shape):
    """The shape. Its only requests are those that open a socket; their model stands in the query."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of the request that opens the socket. Raises UnreadableRequest where it is none."""
        if body:
            raise UnreadableRequest("A realtime session is opened by a WebSocket, not by a body.")
        asked = parse_qs(path.partition("?")[2])
        model = next((asked[name][0] for name in _MODEL_PARAMETERS if asked.get(name)), "")
        return RequestFacts(model=model, is_stream=True, body_bytes=0, is_input_bounded=False)

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> Unread:
        """A reader for an answer that is no socket: it tells nothing."""
        return Unread()

    def socket_reader(self, facts: RequestFacts) -> "RealtimeSocket":
        """A reader for the socket."""
        return RealtimeSocket(facts.model)


@dataclass(slots=True)
class _Answer:
    """One response on its way."""

    request: RequestFacts | None
    output_bytes: int = 0


class RealtimeSocket:
    """One usage for each `response.done`. The model is told by the session, not by its responses."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._sent_bytes = 0
        self._limit: int | None = None
        self._listens = False
        self._waiting: list[RequestFacts] = []
        self._answers: dict[str, _Answer] = {}
        self._results: list[ToolResult] = []

    def sent(self, message: bytes) -> RequestFacts | None:
        """`response.create` begins a turn. So does speech where the provider itself hears its end."""
        event = mapping(read_json(message))
        kind = event.get("type")
        self._sent_bytes += len(message)
        if kind == "session.update":
            self._read_session(mapping(event.get("session")))
        if kind == "conversation.item.create":
            self._note_result(mapping(event.get("item")))
        is_speech = kind == "input_audio_buffer.append" and self._listens and not (self._waiting or self._answers)
        if kind != "response.create" and not is_speech:
            return None
        limit = self._limit
        if kind == "response.create":
            asked = mapping(read_object(message, "response").get("response"))
            limit = _output_limit(asked, limit)
        results, self._results = tuple(self._results), []
        facts = RequestFacts(
            self._model, True, self._sent_bytes, is_input_bounded=False, output_limit=limit, tool_results=results
        )
        self._waiting.append(facts)
        return facts

    def withdraw(self, request: RequestFacts) -> None:
        """Forget a turn whose message was not sent."""
        self._waiting = [waiting for waiting in self._waiting if waiting is not request]
        self._results[:0] = request.tool_results

    def received(self, message: bytes) -> list[Turn]:
        """The turn that `response.done` ends. An error ends none: the session goes on."""
        event = mapping(read_json(message))
        match event.get("type"):
            case "session.created" | "session.updated":
                self._read_session(mapping(event.get("session")))
            case "response.created":
                self._begin(text(mapping(event.get("response")).get("id")))
            case "response.done":
                return [self._end(event)]
            case str(kind) if kind.startswith("response.") and kind.endswith(".delta"):
                made = byte_length(event.get("delta"))
                is_audio = kind.endswith("audio.delta")
                self._answer(text(event.get("response_id"))).output_bytes += made // _AUDIO if is_audio else made
        return []

    def open_turns(self) -> list[Turn]:
        """Responses on their way, then requests without one."""
        begun = [
            Turn(answer.request, ResponseFacts(response_model=self._model, output_bytes=answer.output_bytes))
            for answer in self._answers.values()
        ]
        return begun + [Turn(request, ResponseFacts(), is_begun=False) for request in self._waiting]

    def _note_result(self, item: Mapping[str, Any]) -> None:
        """The result of a tool call, which the next turn carries."""
        if text(item.get("type")).endswith("_call_output"):
            self._results.append(result_of_item(item))

    def _read_session(self, session: Mapping[str, Any]) -> None:
        self._model = text(session.get("model")) or self._model
        self._limit = _output_limit(session, self._limit)
        heard = mapping(mapping(session.get("audio")).get("input"))
        for holder in (session, heard):
            if "turn_detection" in holder:
                self._listens = _is_detecting(mapping(holder["turn_detection"]))

    def _begin(self, response_id: str) -> None:
        if response_id not in self._answers:
            self._answers[response_id] = _Answer(self._waiting.pop(0) if self._waiting else None)

    def _answer(self, response_id: str) -> _Answer:
        self._begin(response_id)
        return self._answers[response_id]

    def _end(self, event: Mapping[str, Any]) -> Turn:
        response = mapping(event.get("response"))
        response_id = text(response.get("id")) or text(event.get("response_id"))
        answer = self._answer(response_id)
        del self._answers[response_id]
        raw = mapping(response.get("usage")) or mapping(event.get("usage"))
        usage = _usage(raw)
        error = mapping(mapping(response.get("status_details")).get("error"))
        watch = ToolWatch()
        for item in items(response.get("output")):
            watch_item(watch, mapping(item))
        failed = text(error.get("code")) or text(error.get("type")) or "error"
        facts = ResponseFacts(
            usage=usage,
            response_model=text(response.get("model")) or self._model,
            response_id=response_id,
            error_type=failed if response.get("status") == "failed" else "",
            output_bytes=answer.output_bytes or sum(map(byte_length, items(response.get("output")))),
            is_final=usage.is_known,
            tool_uses=watch.uses,
            tool_results=watch.results,
        )
        return Turn(answer.request, facts)


def _is_detecting(detection: Mapping[str, Any]) -> bool:
    return bool(detection) and detection.get("create_response") is not False and detection.get("type") != "none"


def _output_limit(holder: Mapping[str, Any], otherwise: int | None) -> int | None:
    """A limit may be the word `inf`, which is none."""
    for key in ("max_output_tokens", "max_response_output_tokens"):
        if key in holder:
            return count(holder[key])
    return otherwise


def _usage(raw: Mapping[str, Any]) -> Usage:
    """`input_tokens` holds text, audio, pictures and what was cached of them."""
    told, answer = mapping(raw.get("input_token_details")), mapping(raw.get("output_token_details"))
    cached = mapping(told.get("cached_tokens_details"))
    return Usage(
        input_tokens=count(raw.get("input_tokens")),
        output_tokens=count(raw.get("output_tokens")),
        cache_read_tokens=count(told.get("cached_tokens")),
        reasoning_tokens=count(answer.get("reasoning_tokens")),
        input_audio_tokens=count(told.get("audio_tokens")),
        cache_audio_read_tokens=count(cached.get("audio_tokens")),
        output_audio_tokens=count(answer.get("audio_tokens")),
        reported_cost_nano_usd=reported_cost(raw),
    )
