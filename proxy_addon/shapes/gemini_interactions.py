"""Gemini Interactions: `POST /v1beta/interactions`. Facts from recordings and documentation."""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
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
    text,
    total,
)
from proxy_addon.shapes.interactions_tools import carried_results, watch_event, watch_step
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.tool_watch import ToolWatch

_BOUNDED = frozenset({"text", "thought", "function_call", "function_result", "user_input", "model_output"})
_STORED = ("previous_interaction_id", "agent", "background")
_SEARCHES_OF_A_CALL = 10
"""Searches to hold for when a request allows them: it can set no limit."""
_ENDS = frozenset({"completed", "failed", "cancelled", "incomplete", "requires_action"})


class GeminiInteractions(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request; an agent's model is not told. Raises UnreadableRequest."""
        members = read_object(body, "generation_config")
        config = mapping(members.get("generation_config"))
        kinds = [mapping(tool).get("type") for tool in items(members.get("tools"))]
        is_searching = any("search" in str(kind) for kind in kinds) or bool(members.get("agent"))
        is_stored = any(members.get(key) for key in _STORED)
        is_text = all(kind == "function" for kind in kinds) and has_only_types(members.get("input"), _BOUNDED)
        return RequestFacts(
            model=(optional_text(members, "model") or optional_text(members, "agent")).removeprefix("models/"),
            is_stream=optional_flag(members, "stream"),
            body_bytes=len(body),
            is_input_bounded=is_text and not is_stored,
            output_limit=optional_limit(config, "max_output_tokens"),
            service_tier=optional_text(members, "service_tier").lower(),
            max_web_searches=_SEARCHES_OF_A_CALL if is_searching else 0,
            tool_results=carried_results(members.get("input")),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "InteractionReader":
        """A reader for the answer."""
        return InteractionReader()


class InteractionReader:
    """A stream ends with the whole interaction; one in the background has its usage later, in another answer."""

    def __init__(self) -> None:
        self._interaction: Mapping[str, Any] = {}
        self._error = ""
        self._bytes = 0
        self._tools = ToolWatch()

    def feed(self, payload: bytes) -> None:
        """Take one event or a whole body."""
        event = mapping(read_json(payload))
        watch_event(self._tools, event)
        told = mapping(event.get("interaction")) or (event if event.get("object") == "interaction" else {})
        self._interaction = {**self._interaction, **told}
        if error := mapping(event.get("error")):
            self._error = text(error.get("code")) or text(error.get("status")) or "error"
        delta = mapping(event.get("delta"))
        self._bytes += sum(byte_length(delta.get(key)) for key in ("text", "arguments"))
        for step in map(mapping, items(told.get("steps"))):
            watch_step(self._tools, step)
            for part in map(mapping, items(step.get("content"))):
                self._bytes += byte_length(part.get("text"))

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        usage = _usage(mapping(self._interaction.get("usage")))
        return ResponseFacts(
            usage=usage,
            response_model=text(self._interaction.get("model")) or text(self._interaction.get("agent")),
            response_id=text(self._interaction.get("id")),
            service_tier=text(self._interaction.get("service_tier")).lower(),
            error_type=self._error,
            output_bytes=self._bytes,
            tool_uses=self._tools.uses,
            tool_results=self._tools.results,
            is_final=self._interaction.get("status") in _ENDS and usage.is_known,
        )


def _usage(raw: Mapping[str, Any]) -> Usage:
    """Input holds what was cached; what tools put in is apart; thoughts stand beside the output."""
    given, thought = count(raw.get("total_input_tokens")), count(raw.get("total_thought_tokens"))
    heard = (
        count(mapping(one).get("tokens"))
        for one in items(raw.get("input_tokens_by_modality"))
        if text(mapping(one).get("modality")).lower() == "audio"
    )
    return Usage(
        input_tokens=None if given is None else total(given, count(raw.get("total_tool_use_tokens"))),
        output_tokens=total(count(raw.get("total_output_tokens")), thought),
        cache_read_tokens=count(raw.get("total_cached_tokens")),
        reasoning_tokens=thought,
        input_audio_tokens=total(*heard),
    )
