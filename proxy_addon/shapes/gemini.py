"""Gemini: `POST .../models/{model}:generateContent`, `:streamGenerateContent`. Facts: recordings and documentation."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.blocks import input_pieces
from proxy_addon.shapes.fields import (
    UnreadableRequest,
    byte_length,
    items,
    mapping,
    optional_limit,
    optional_text,
    raw_member,
    read_json,
    read_object,
    require_text,
    text,
)
from proxy_addon.shapes.gemini_tools import GeminiTools, carried_results
from proxy_addon.shapes.gemini_usage import gemini_tier, gemini_usage
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.turn_list import all_turns, read_turns

_PATH = re.compile(r".*/models/(?P<model>[^/:?]+):(?P<method>\w+)")
_CODE_ASSIST = re.compile(r"/v1internal:(?P<method>\w+)")
_BOUNDED_PARTS = frozenset(
    {"text", "thought", "thoughtSignature", "thought_signature"}
    | {"functionCall", "function_call", "functionResponse", "function_response"}
)
_TURNS = ("systemInstruction", "system_instruction", "contents")
_READERS = {"contents": read_turns}
_FUNCTIONS = frozenset({"functionDeclarations", "function_declarations"})
_SEARCHES_OF_A_CALL = 10
"""Searches to hold for when a request allows them: it can set no limit."""
_PER_PROMPT = re.compile(r"gemini-[12]\b")
"""Up to Gemini 2.5 grounding is billed once a prompt, later ones for each query (Google's grounding prices)."""


class Gemini(Shape):
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a Gemini request; model and stream stand in the path. Raises UnreadableRequest."""
        model, method, members = _asked(path, body)
        config = {**mapping(members.get("generation_config")), **mapping(members.get("generationConfig"))}
        tools = {key for tool in items(members.get("tools")) for key in mapping(tool)}
        pieces = input_pieces(members, _TURNS, _is_part_bounded)
        return RequestFacts(
            model=model,
            is_stream=method.startswith("stream"),
            body_bytes=len(body),
            is_input_bounded=_is_input_bounded(members, tools),
            output_limit=optional_limit(config, "maxOutputTokens", "max_output_tokens"),
            choices=max(1, optional_limit(config, "candidateCount", "candidate_count") or 1),
            service_tier=(optional_text(members, "serviceTier") or optional_text(members, "service_tier")).lower(),
            max_web_searches=_SEARCHES_OF_A_CALL if any("earch" in key for key in tools) else 0,
            blocks=pieces.blocks,
            parts=pieces.parts,
            cache_asked=pieces.cache_asked,
            is_self_contained=_is_self_contained(members, tools),
            has_rounds=not tools <= _FUNCTIONS,
            tool_results=carried_results(members),
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "GeminiReader":
        """A reader for the answer."""
        return GeminiReader(headers.get("x-gemini-service-tier", ""))


def _asked(path: str, body: bytes) -> tuple[str, str, Mapping[str, Any]]:
    """Model, method and members of a request. Raises UnreadableRequest.

    Code Assist, the way of a Google login, names the model in the body and wraps the rest in `request`.
    """
    plain = unquote(path.partition("?")[0])
    if (wrapped := _CODE_ASSIST.fullmatch(plain)) is not None:
        inner = read_object(raw_member(body, "request"), "generationConfig", readers=_READERS)
        return require_text(read_object(body), "model"), wrapped["method"], inner
    match = _PATH.match(plain)
    if match is None:
        raise UnreadableRequest("The path names no model.")
    return match["model"], match["method"], read_object(body, "generationConfig", "generation_config", readers=_READERS)


def _is_self_contained(members: Mapping[str, Any], tools: set[str]) -> bool:
    return not members.get("cachedContent") and not members.get("cached_content") and tools <= _FUNCTIONS


def _is_part_bounded(part: object) -> bool:
    """None where an image was; a turn without its parts has only a role."""
    return mapping(part).keys() <= _BOUNDED_PARTS | {"role"}


def _is_input_bounded(members: Mapping[str, Any], tools: set[str]) -> bool:
    if not _is_self_contained(members, tools):
        return False
    system = members.get("systemInstruction", members.get("system_instruction"))
    return _is_turn_bounded(system) and all_turns(members.get("contents"), _is_turn_bounded)


def _is_turn_bounded(turn: object) -> bool:
    return all(mapping(part).keys() <= _BOUNDED_PARTS for part in _parts(mapping(turn)))


def _parts(turn: Mapping[str, Any]) -> list[Any]:
    parts = turn.get("parts")
    return parts if isinstance(parts, list) else [parts]


class GeminiReader:
    """Every chunk carries `usageMetadata`, cumulative; with server-side tools only the last one has the total.

    `tier` is what the answer's header says, where the usage does not.
    """

    def __init__(self, tier: str) -> None:
        self._tier = tier.lower()[:200]
        self._usage: Mapping[str, Any] = {}
        self._queries: set[str] = set()
        self._model = ""
        self._id = ""
        self._error = ""
        self._bytes = 0
        self._is_ended = False
        self._tools = GeminiTools()

    def feed(self, payload: bytes) -> None:
        """Take one chunk, a whole body, or the array that a stream without `alt=sse` is."""
        value = read_json(payload)
        for chunk in value if isinstance(value, list) else [value]:
            chunk = mapping(chunk)
            self._read(mapping(chunk.get("response")) or chunk)

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return ResponseFacts(
            usage=gemini_usage(self._usage, self._searches()),
            response_model=self._model,
            response_id=self._id,
            service_tier=gemini_tier(self._usage) or self._tier,
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._is_ended and bool(self._usage),
            tool_uses=self._tools.watch.uses,
            tool_results=self._tools.watch.results,
        )

    def _read(self, chunk: Mapping[str, Any]) -> None:
        self._model = text(chunk.get("modelVersion")) or self._model
        self._id = text(chunk.get("responseId")) or self._id
        self._usage = mapping(chunk.get("usageMetadata")) or self._usage
        if error := mapping(chunk.get("error")):
            self._error = text(error.get("status")) or "error"
        if reason := text(mapping(chunk.get("promptFeedback")).get("blockReason")):
            self._error, self._is_ended = reason, True
        for candidate in map(mapping, items(chunk.get("candidates"))):
            self._is_ended = self._is_ended or bool(candidate.get("finishReason"))
            self._queries.update(_queries(candidate))
            for part in _parts(mapping(candidate.get("content"))):
                self._bytes += sum(map(byte_length, _spoken(mapping(part))))
                self._tools.read_part(mapping(part))

    def _searches(self) -> int | None:
        if not self._queries:
            return None
        return 1 if _PER_PROMPT.match(self._model) else len(self._queries)


def _queries(candidate: Mapping[str, Any]) -> set[str]:
    """Queries that are billed: each one that is not empty, once."""
    queries = items(mapping(candidate.get("groundingMetadata")).get("webSearchQueries"))
    return {query for query in queries if isinstance(query, str) and query}


def _spoken(part: Mapping[str, Any]) -> Iterator[object]:
    yield part.get("text")
    yield part.get("functionCall")
    yield part.get("executableCode")
