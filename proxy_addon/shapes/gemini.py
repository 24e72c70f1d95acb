"""Gemini: `POST .../models/{model}:generateContent`, `:streamGenerateContent`. Facts: recordings and documentation."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.fields import (
    UnreadableRequest,
    byte_length,
    count,
    items,
    mapping,
    optional_limit,
    optional_text,
    read_json,
    read_object,
    text,
    total,
)

_PATH = re.compile(r".*/models/(?P<model>[^/:?]+):(?P<method>\w+)")
_BOUNDED_PARTS = frozenset(
    {"text", "thought", "thoughtSignature", "thought_signature"}
    | {"functionCall", "function_call", "functionResponse", "function_response"}
)
_FUNCTIONS = frozenset({"functionDeclarations", "function_declarations"})
_SEARCHES_OF_A_CALL = 10
"""Searches to hold for when a request allows them: it can set no limit."""
_PER_PROMPT = re.compile(r"gemini-[12]\b")
"""Up to Gemini 2.5 grounding is billed once a prompt, later ones for each query (Google's grounding prices)."""


class Gemini:
    """The shape."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a Gemini request; model and stream stand in the path. Raises UnreadableRequest."""
        match = _PATH.match(unquote(path.partition("?")[0]))
        if match is None:
            raise UnreadableRequest("The path names no model.")
        members = read_object(body, "generationConfig", "generation_config")
        config = {**mapping(members.get("generation_config")), **mapping(members.get("generationConfig"))}
        tools = {key for tool in items(members.get("tools")) for key in mapping(tool)}
        return RequestFacts(
            model=match["model"],
            is_stream=match["method"].startswith("stream"),
            body_bytes=len(body),
            is_input_bounded=_is_input_bounded(members, tools),
            output_limit=optional_limit(config, "maxOutputTokens", "max_output_tokens"),
            choices=max(1, optional_limit(config, "candidateCount", "candidate_count") or 1),
            service_tier=(optional_text(members, "serviceTier") or optional_text(members, "service_tier")).lower(),
            max_web_searches=_SEARCHES_OF_A_CALL if any("earch" in key for key in tools) else 0,
        )

    def reader(self, facts: RequestFacts) -> "GeminiReader":
        """A reader for the answer."""
        return GeminiReader()


def _is_input_bounded(members: Mapping[str, Any], tools: set[str]) -> bool:
    if members.get("cachedContent") or members.get("cached_content") or not tools <= _FUNCTIONS:
        return False
    system = members.get("systemInstruction", members.get("system_instruction"))
    contents = members.get("contents")
    turns = [*(contents if isinstance(contents, list) else [contents]), system]
    parts = [part for turn in turns for part in _parts(mapping(turn))]
    return all(mapping(part).keys() <= _BOUNDED_PARTS for part in parts)


def _parts(turn: Mapping[str, Any]) -> list[Any]:
    parts = turn.get("parts")
    return parts if isinstance(parts, list) else [parts]


class GeminiReader:
    """Every chunk carries `usageMetadata`, cumulative; with server-side tools only the last one has the total."""

    def __init__(self) -> None:
        self._usage: Mapping[str, Any] = {}
        self._queries: set[str] = set()
        self._model = ""
        self._id = ""
        self._error = ""
        self._bytes = 0
        self._is_ended = False

    def feed(self, payload: bytes) -> None:
        """Take one chunk, a whole body, or the array that a stream without `alt=sse` is."""
        value = read_json(payload)
        for chunk in value if isinstance(value, list) else [value]:
            chunk = mapping(chunk)
            self._read(mapping(chunk.get("response")) or chunk)

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        return ResponseFacts(
            usage=_usage(self._usage, self._searches()),
            response_model=self._model,
            response_id=self._id,
            service_tier=_tier(self._usage),
            error_type=self._error,
            output_bytes=self._bytes,
            is_final=self._is_ended and bool(self._usage),
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


def _usage(raw: Mapping[str, Any], searches: int | None) -> Usage:
    """`promptTokenCount` holds the cached ones; what tools put in is apart; thoughts stand beside the candidates.

    A last chunk may leave out the candidates, and then the total tells them.
    """
    prompt, tools = count(raw.get("promptTokenCount")), count(raw.get("toolUsePromptTokenCount"))
    taken = total(prompt, tools)
    output = total(count(raw.get("candidatesTokenCount")), count(raw.get("thoughtsTokenCount")))
    both = count(raw.get("totalTokenCount"))
    if taken is not None and both is not None and both - taken > (output or -1):
        output = both - taken
    cached = count(raw.get("cachedContentTokenCount"))
    return Usage(
        input_tokens=None if prompt is None else taken,
        output_tokens=output,
        cache_read_tokens=cached,
        reasoning_tokens=count(raw.get("thoughtsTokenCount")),
        input_audio_tokens=_audio(raw.get("promptTokensDetails")),
        cache_audio_read_tokens=_audio(raw.get("cacheTokensDetails")),
        output_audio_tokens=_audio(raw.get("candidatesTokensDetails")),
        web_searches=searches,
    )


def _audio(details: object) -> int | None:
    """Audio tokens of one side; None where it has none."""
    kinds = (mapping(detail) for detail in items(details))
    return total(*(count(kind.get("tokenCount")) for kind in kinds if kind.get("modality") == "AUDIO"))


def _tier(raw: Mapping[str, Any]) -> str:
    """The tier in lower case: `priority`, `flex`; Vertex says ON_DEMAND_PRIORITY for it, and ON_DEMAND for none."""
    tier = text(raw.get("serviceTier")) or text(raw.get("trafficType"))
    return tier.lower().removeprefix("on_demand").removeprefix("_")
