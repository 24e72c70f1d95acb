"""OpenAI Chat Completions and Responses, from the provider's side of the wire."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.services.demo.dialects.wire import Answer, Question, beginning, event, named_event, pieces


class OpenAIChat:
    """`POST /v1/chat/completions`. A stream tells its usage only when it was asked to."""

    def read(self, path: str, request: Mapping[str, Any]) -> Question:
        """What is asked."""
        is_stream = bool(request.get("stream"))
        tells_usage = not is_stream or bool((request.get("stream_options") or {}).get("include_usage"))
        limit = int(request.get("max_completion_tokens") or 4096)
        return Question(request["model"], is_stream, tells_usage, limit, beginning(request["messages"]))

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON body."""
        message = {"role": "assistant", "content": answer.text}
        return self._completion(answer, "chat.completion") | {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": self._usage(answer),
        }

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer as unnamed events and `[DONE]`."""
        for piece in pieces(answer.text):
            yield event(self._chunk(answer, [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]))
        yield event(self._chunk(answer, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        if answer.tells_usage:
            yield event(self._chunk(answer, []) | {"usage": self._usage(answer)})
        yield b"data: [DONE]\n\n"

    def error(self, status: int, message: str) -> dict[str, Any]:
        """An error body."""
        return _openai_error(status, message)

    def _chunk(self, answer: Answer, choices: list[Any]) -> dict[str, Any]:
        return self._completion(answer, "chat.completion.chunk") | {"choices": choices}

    @staticmethod
    def _completion(answer: Answer, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{answer.response_id}", "object": kind, "created": 0,
            "model": answer.model, "service_tier": "default",
        }  # fmt: skip

    @staticmethod
    def _usage(answer: Answer) -> dict[str, Any]:
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": answer.cache_read_tokens},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


class OpenAIResponses:
    """`POST /v1/responses`. A stream tells its usage in its last event."""

    def read(self, path: str, request: Mapping[str, Any]) -> Question:
        """What is asked."""
        opening = beginning(request.get("instructions", ""), request["input"])
        limit = int(request.get("max_output_tokens") or 4096)
        return Question(request["model"], bool(request.get("stream")), True, limit, opening)

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON body."""
        return self._response(answer, "completed")

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer as named events: the item is opened, filled and closed before the response is complete."""
        message, place = self._message(answer), {"item_id": f"msg_{answer.response_id}", "content_index": 0}
        opened = message | {"status": "in_progress", "content": []}
        yield named_event("response.created", {"response": self._response(answer, "in_progress")})
        yield named_event("response.output_item.added", {"output_index": 0, "item": opened})
        empty = {"type": "output_text", "text": "", "annotations": []}
        yield named_event("response.content_part.added", place | {"output_index": 0, "part": empty})
        for piece in pieces(answer.text):
            yield named_event("response.output_text.delta", place | {"output_index": 0, "delta": piece})
        yield named_event("response.output_text.done", place | {"output_index": 0, "text": answer.text})
        part = message["content"][0]
        yield named_event("response.content_part.done", place | {"output_index": 0, "part": part})
        yield named_event("response.output_item.done", {"output_index": 0, "item": message})
        yield named_event("response.completed", {"response": self._response(answer, "completed")})

    def error(self, status: int, message: str) -> dict[str, Any]:
        """An error body."""
        return _openai_error(status, message)

    @staticmethod
    def _message(answer: Answer) -> dict[str, Any]:
        text = {"type": "output_text", "text": answer.text, "annotations": []}
        return {
            "id": f"msg_{answer.response_id}", "type": "message", "status": "completed",
            "role": "assistant", "content": [text],
        }  # fmt: skip

    def _response(self, answer: Answer, status: str) -> dict[str, Any]:
        usage = {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": answer.cache_read_tokens},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        }
        is_done = status == "completed"
        return {
            "id": f"resp_{answer.response_id}",
            "object": "response",
            "created_at": 0,
            "status": status,
            "model": answer.model,
            "service_tier": "default",
            "output": [self._message(answer)] if is_done else [],
            "usage": usage if is_done else None,
        }


def _openai_error(status: int, message: str) -> dict[str, Any]:
    code = "invalid_api_key" if status == 401 else None
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
