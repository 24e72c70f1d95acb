"""OpenAI Responses: `POST /v1/responses`. Facts from recordings and documentation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.blocks import input_pieces
from proxy_addon.shapes.fields import (
    byte_length,
    count,
    has_only_types,
    items,
    mapping,
    optional_flag,
    optional_limit,
    optional_text,
    read_json,
    read_object,
    require_text,
    text,
)
from proxy_addon.shapes.reading import NO_HEADERS, Shape, Turn
from proxy_addon.shapes.reported_cost import reported_cost
from proxy_addon.shapes.responses_tools import carried_results, watch_item
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import all_turns, read_turns

_BOUNDED = frozenset(
    {"message", "input_text", "output_text", "text", "refusal", "reasoning", "summary_text", "reasoning_text"}
    | {"function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"}
    | {"local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"}
    | {"apply_patch_call", "apply_patch_call_output"}
)
_CLIENT_TOOLS = frozenset({"function", "custom", "local_shell", "shell", "apply_patch", "namespace"})
_READERS = {"input": read_turns}
_STORED = ("previous_response_id", "conversation", "prompt")
_SEARCHES_OF_A_CALL = 10
"""Searches to hold for when a request allows them and sets no `max_tool_calls`."""
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


class OpenAIResponses(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a Responses request; `model` is empty where a stored prompt names it. Raises UnreadableRequest."""
        members = read_object(body, readers=_READERS)
        kinds = [mapping(tool).get("type") for tool in items(members.get("tools"))]
        is_stored = any(members.get(key) for key in _STORED)
        has_rounds = not _run_at_client(kinds) or _answers_several_times(members)
        is_self_contained = not is_stored and not has_rounds
        model = optional_text(members, "model") if members.get("prompt") else require_text(members, "model")
        pieces = input_pieces(members, ("input",), _is_bounded)
        is_named = any(block.is_answer_part for block in pieces.blocks)
        is_all_said = not is_named and all_turns(members.get("input"), _is_bounded)
        return RequestFacts(
            model=model,
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            is_input_bounded=is_self_contained and is_all_said,
            output_limit=optional_limit(members, "max_output_tokens"),
            service_tier=optional_text(members, "service_tier"),
            max_web_searches=_max_searches(members, kinds),
            session=_session(members, headers),
            blocks=pieces.blocks,
            parts=pieces.parts,
            cache_asked=pieces.cache_asked,
            is_self_contained=is_self_contained,
            continues="" if has_rounds else _continued(members),
            has_rounds=has_rounds,
            tool_results=carried_results(members.get("input")),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "ResponsesReader":
        """A reader for the answer."""
        return ResponsesReader()

    def socket_reader(self, facts: RequestFacts) -> "ResponsesSocket":
        """A reader for a socket: its messages are the events of streams, its turns begin with `response.create`."""
        return ResponsesSocket(self)


def _is_bounded(content: object) -> bool:
    return has_only_types(content, _BOUNDED)


def _answers_several_times(members: Mapping[str, Any]) -> bool:
    """Whether the reasoning is in a mode other than the usual one: `pro` counted a short input eleven times."""
    return mapping(members.get("reasoning")).get("mode", "default") not in (None, "default", "standard")


def _continued(members: Mapping[str, Any]) -> str:
    """The answer that this request goes on from, where it is all that is not in the body."""
    is_only_that = not members.get("conversation") and not members.get("prompt")
    return optional_text(members, "previous_response_id") if is_only_that else ""


def _run_at_client(kinds: list[Any]) -> bool:
    return all(kind in _CLIENT_TOOLS for kind in kinds)


def _max_searches(members: Mapping[str, Any], kinds: list[Any]) -> int:
    if not any(isinstance(kind, str) and kind.startswith("web_search") for kind in kinds):
        return 0
    limit = optional_limit(members, "max_tool_calls")
    return _SEARCHES_OF_A_CALL if limit is None else limit


def _session(members: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Codex's session: its header, else the cache key, which it sets to the session."""
    return headers.get("session-id", headers.get("session_id", ""))[:200] or text(members.get("prompt_cache_key"))


class ResponsesReader:
    """Usage stands in the last event of a stream, inside `response`; a whole body is the `response` itself."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._has_usage = False
        self._tier = ""
        self._model = ""
        self._id = ""
        self._error = ""
        self._bytes = 0
        self._is_ended = False
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        kind = event.get("type")
        if event.get("object") in ("response", "response.compaction"):
            self._read_response(event)
            self._is_ended = event.get("status") not in ("queued", "in_progress")
        elif kind == "error" or (kind is None and event.get("error")):
            self._error = _error_code(mapping(event.get("error")) or event)
        elif isinstance(kind, str):
            self._read_event(kind, event)

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return ResponseFacts(
            usage=self._usage,
            response_model=self._model,
            response_id=self._id,
            service_tier=self._tier,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._is_ended and self._has_usage,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
        )

    def _read_event(self, kind: str, event: Mapping[str, Any]) -> None:
        if kind.endswith(".delta"):
            self._bytes += byte_length(event.get("delta"))
        elif kind == "response.output_item.done":
            watch_item(self._tools, mapping(event.get("item")))
        elif response := mapping(event.get("response")):
            self._read_response(response)
            self._is_ended = self._is_ended or kind in _ENDS

    def _read_response(self, response: Mapping[str, Any]) -> None:
        usage = mapping(response.get("usage"))
        self._usage, self._has_usage = _usage(usage, response), bool(usage)
        self._tier = text(response.get("service_tier"))
        self._model = text(response.get("model")) or self._model
        self._id = text(response.get("id")) or self._id
        if response.get("error"):
            self._error = _error_code(mapping(response.get("error")))
        if response.get("status") != "in_progress":
            for item in items(response.get("output")):
                watch_item(self._tools, mapping(item))


class _Lane:
    """The turns of one `stream_id`: one is answered at a time, in order."""

    def __init__(self) -> None:
        self.waiting: list[RequestFacts] = []
        self.reader: ResponsesReader | None = None

    def read(self, message: bytes) -> ResponseFacts:
        if self.reader is None:
            self.reader = ResponsesReader()
        self.reader.feed(message)
        return self.reader.facts()

    def end(self, answer: ResponseFacts) -> Turn:
        self.reader = None
        return Turn(self.waiting.pop(0) if self.waiting else None, answer)


class ResponsesSocket:
    """Responses over a socket: several turns after one another, and side by side where they carry a `stream_id`."""

    def __init__(self, shape: OpenAIResponses) -> None:
        self._shape = shape
        self._lanes: dict[str, _Lane] = {}

    def sent(self, message: bytes) -> RequestFacts | None:
        """Facts of a `response.create`, whose members are those of a request's body."""
        event = mapping(read_json(message))
        if event.get("type") != "response.create":
            return None
        facts = replace(self._shape.read_request("", NO_HEADERS, message), is_stream=True)
        self._lane(event).waiting.append(facts)
        return facts

    def withdraw(self, request: RequestFacts) -> None:
        """Forget a turn whose message was not sent."""
        for lane in self._lanes.values():
            lane.waiting = [waiting for waiting in lane.waiting if waiting is not request]

    def received(self, message: bytes) -> list[Turn]:
        """The turn that one of the last events ends, or an error that stands for an answer."""
        event = mapping(read_json(message))
        kind = event.get("type")
        if not isinstance(kind, str) or not (kind == "error" or kind.startswith("response.")):
            return []
        lane = self._lane(event)
        answer = lane.read(message)
        return [lane.end(answer)] if kind in _ENDS or kind == "error" else []

    def open_turns(self) -> list[Turn]:
        """What has no end yet, the one being answered first."""
        found = []
        for lane in self._lanes.values():
            for position, request in enumerate(lane.waiting):
                reader = lane.reader if position == 0 else None
                found.append(Turn(request, reader.facts() if reader else ResponseFacts(), is_begun=reader is not None))
        return found

    def _lane(self, event: Mapping[str, Any]) -> _Lane:
        return self._lanes.setdefault(text(event.get("stream_id")), _Lane())


def _error_code(error: Mapping[str, Any]) -> str:
    return text(error.get("code")) or text(error.get("type")) or "error"


def _usage(raw: Mapping[str, Any], response: Mapping[str, Any]) -> Usage:
    """`input_tokens` holds cache reads and writes, `output_tokens` holds reasoning."""
    told, answer = mapping(raw.get("input_tokens_details")), mapping(raw.get("output_tokens_details"))
    outputs = [mapping(output) for output in items(response.get("output"))]
    searches = sum(_is_search(output) for output in outputs)
    return Usage(
        input_tokens=count(raw.get("input_tokens")),
        output_tokens=count(raw.get("output_tokens")),
        cache_read_tokens=count(told.get("cached_tokens")),
        cache_write_tokens=count(told.get("cache_write_tokens")),
        reasoning_tokens=count(answer.get("reasoning_tokens")),
        web_searches=searches or None,
        reported_cost_nano_usd=reported_cost(raw),
    )


def _is_search(output: Mapping[str, Any]) -> bool:
    """Opening a page of a search's results is no search. Which actions are billed is not settled."""
    action = mapping(output.get("action")).get("type", "search")
    return output.get("type") == "web_search_call" and action == "search"
