"""Embeddings and rerankings as OpenAI, Azure, Mistral and Voyage speak them. Facts: recordings, documentation."""

from collections.abc import Mapping
from typing import Any

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.fields import count, mapping, read_json, read_object, require_model, text
from proxy_addon.shapes.openai_usage import error_type
from proxy_addon.shapes.reading import NO_HEADERS, Shape
from proxy_addon.shapes.reported_cost import reported_cost

_BOUNDED = ("input", "query", "documents")


class OpenAIEmbeddings(Shape):
    """The shape. Nothing is generated, so the most it can answer is no token."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request. A reranker reads the query again with each document. Raises UnreadableRequest."""
        members = read_object(body)
        is_text = all(_is_text(members.get(key)) for key in _BOUNDED) and "inputs" not in members
        return RequestFacts(
            model=require_model(members, path),
            is_stream=False,
            body_bytes=len(body),
            is_input_bounded=is_text and "documents" not in members,
            output_limit=0,
        )

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "EmbeddingsReader":
        """A reader for the answer."""
        return EmbeddingsReader()


def _is_text(value: object) -> bool:
    """A text, tokens, or lists of them; a picture is an object, or stands in one."""
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif current is not None and not isinstance(current, str | int):
            return False
    return True


class EmbeddingsReader:
    """One body with one usage."""

    def __init__(self) -> None:
        self._body: Mapping[str, Any] = {}

    def feed(self, payload: bytes) -> None:
        """Take the whole body."""
        self._body = mapping(read_json(payload)) or self._body

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        raw = mapping(self._body.get("usage"))
        prompt, both = count(raw.get("prompt_tokens")), count(raw.get("total_tokens"))
        output = count(raw.get("completion_tokens"))
        if output is None and prompt is not None and both is not None and both >= prompt:
            output = both - prompt
        usage = Usage(
            input_tokens=both if prompt is None else prompt,
            output_tokens=output,
            reported_cost_nano_usd=reported_cost(raw),
        )
        return ResponseFacts(
            usage=usage,
            response_model=text(self._body.get("model")),
            response_id=text(self._body.get("id")),
            error_type=error_type(self._body["error"]) if self._body.get("error") else "",
            is_final=usage.is_known,
        )
