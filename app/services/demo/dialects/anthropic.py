"""Anthropic Messages, from the provider's side of the wire."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.services.demo.dialects.wire import Answer, Question, beginning, named_event, pieces


class AnthropicMessages:
    """`POST /v1/messages`. Its `input_tokens` excludes what was read from and written to the cache."""

    def read(self, path: str, request: Mapping[str, Any]) -> Question:
        """What is asked."""
        opening = beginning(request.get("system", ""), request["messages"])
        return Question(request["model"], bool(request.get("stream")), True, int(request["max_tokens"]), opening)

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON body."""
        return self._message(answer, [{"type": "text", "text": answer.text}], "end_turn", answer.output_tokens)

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer as named events; the usage of the output comes in `message_delta`."""
        yield named_event("message_start", {"message": self._message(answer, [], None, 1)})
        yield named_event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
        for piece in pieces(answer.text):
            yield named_event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": piece}})
        yield named_event("content_block_stop", {"index": 0})
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        yield named_event("message_delta", {"delta": end, "usage": {"output_tokens": answer.output_tokens}})
        yield named_event("message_stop", {})

    def error(self, status: int, message: str) -> dict[str, Any]:
        """An error body."""
        kind = "authentication_error" if status == 401 else "invalid_request_error"
        return {"type": "error", "error": {"type": kind, "message": message}}

    @staticmethod
    def _message(answer: Answer, content: list[Any], stop_reason: str | None, output_tokens: int) -> dict[str, Any]:
        fresh = answer.input_tokens - answer.cache_read_tokens - answer.cache_write_tokens
        return {
            "id": f"msg_{answer.response_id}",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": fresh,
                "cache_creation_input_tokens": answer.cache_write_tokens,
                "cache_read_input_tokens": answer.cache_read_tokens,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": answer.cache_write_tokens,
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": output_tokens,
                "service_tier": "standard",
            },
        }
