"""Gemini's embeddings: `:embedContent`, `:batchEmbedContents`, and Vertex's `:predict`. Facts: recordings."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes.fields import UnreadableRequest, count, items, mapping, read_json, read_object, text, total
from proxy_addon.shapes.gemini_usage import gemini_usage
from proxy_addon.shapes.reading import NO_HEADERS, Shape

_PATH = re.compile(r".*/models/(?P<model>[^/:?]+):\w+")
_MEDIA = (b"inlineData", b"inline_data", b"fileData", b"file_data", b"image", b"video", b"Uri")


class GeminiEmbeddings(Shape):
    """The shape. Nothing is generated, so the most it can answer is no token."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request, whose model stands in the path. Raises UnreadableRequest."""
        match = _PATH.match(unquote(path.partition("?")[0]))
        if match is None:
            raise UnreadableRequest("The path names no model.")
        read_object(body)
        is_text = not any(word in body for word in _MEDIA)
        return RequestFacts(match["model"], False, len(body), is_input_bounded=is_text, output_limit=0)

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "EmbeddingsReader":
        """A reader for the answer."""
        return EmbeddingsReader()


class EmbeddingsReader:
    """One body. The older models tell no usage at the Gemini API; Vertex counts each text."""

    def __init__(self) -> None:
        self._body: Mapping[str, Any] = {}

    def feed(self, payload: bytes) -> None:
        """Take the whole body."""
        self._body = mapping(read_json(payload)) or self._body

    def facts(self) -> ResponseFacts:
        """What is known so far."""
        usage = gemini_usage(mapping(self._body.get("usageMetadata")), None)
        counted = total(*(_counted(mapping(one)) for one in items(self._body.get("predictions"))))
        if counted is not None:
            usage = Usage(input_tokens=counted)
        return ResponseFacts(
            usage=usage,
            error_type=text(mapping(self._body.get("error")).get("status")),
            is_final=usage.is_known,
        )


def _counted(prediction: Mapping[str, Any]) -> int | None:
    statistics = mapping(mapping(prediction.get("embeddings")).get("statistics"))
    return count(statistics.get("token_count"))
