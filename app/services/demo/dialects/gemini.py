"""Gemini generateContent, from the provider's side of the wire."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.services.demo.dialects.wire import Answer, Question, beginning, event, pieces


class Gemini:
    """`POST /v1beta/models/MODEL:generateContent` and `:streamGenerateContent?alt=sse`."""

    def read(self, path: str, request: Mapping[str, Any]) -> Question:
        """What is asked; model and kind stand in the path."""
        model, _, method = path.partition("?")[0].rpartition("/")[2].partition(":")
        limit = int((request.get("generationConfig") or {}).get("maxOutputTokens") or 4096)
        opening = beginning(request.get("systemInstruction", ""), request["contents"])
        return Question(model, method == "streamGenerateContent", True, limit, opening)

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON body."""
        return self._response(answer, answer.text, answer.output_tokens, "STOP")

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer as unnamed events, each with the usage so far."""
        parts = pieces(answer.text)
        for number, piece in enumerate(parts, start=1):
            so_far = answer.output_tokens * number // len(parts)
            yield event(self._response(answer, piece, so_far, "STOP" if number == len(parts) else None))

    def error(self, status: int, message: str) -> dict[str, Any]:
        """An error body."""
        kind = "UNAUTHENTICATED" if status == 401 else "INVALID_ARGUMENT"
        return {"error": {"code": status, "message": message, "status": kind}}

    @staticmethod
    def _response(answer: Answer, text: str, output_tokens: int, finish: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": answer.input_tokens,
                "cachedContentTokenCount": answer.cache_read_tokens,
                "candidatesTokenCount": output_tokens,
                "totalTokenCount": answer.input_tokens + output_tokens,
            },
            "modelVersion": answer.model,
            "responseId": answer.response_id,
        }
