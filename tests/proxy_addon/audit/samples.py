"""Exchanges to put into captures, and the rows that come out of them."""

import json
from pathlib import Path
from typing import Any

from proxy_addon.audit.captures import Unreadable
from proxy_addon.audit.files import read_captures
from proxy_addon.audit.metering import rows_of
from proxy_addon.audit.rows import Row

REQUEST = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hi"}]})
ANSWER = json.dumps(
    {
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
        "usage": {
            "prompt_tokens": 2_000,
            "completion_tokens": 500,
            "prompt_tokens_details": {"cached_tokens": 1_000},
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
    }
)
COST_NANO_USD = 1_000 * 150 + 1_000 * 75 + 500 * 600
"""At OpenAI's documented prices: 15 cents a million in, half of it cached, 60 cents out."""
STREAM = (
    'data: {"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    'data: {"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    'data: {"model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}\n\n'
    "data: [DONE]\n\n"
)
STREAM_REQUEST = REQUEST[:-1] + ', "stream": true}'


def line(**changes: Any) -> dict[str, Any]:
    """A recording's line of a chat call; `changes` replace members, None takes one out."""
    members: dict[str, Any] = {
        "host": "api.openai.com",
        "path": "/v1/chat/completions",
        "method": "POST",
        "request_headers": {},
        "request_body": REQUEST,
        "request_encoding": "utf-8",
        "status": 200,
        "response_headers": {"content-type": "application/json"},
        "response_body": ANSWER,
        "response_encoding": "utf-8",
        "source": "somebody/tests:one.yaml",
    }
    return {key: value for key, value in (members | changes).items() if value is not None}


def written(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    """A file of these lines, each JSON or as it is."""
    path.write_bytes(b"\n".join(part if isinstance(part, bytes) else json.dumps(part).encode() for part in lines))
    return path


def rows(path: Path) -> list[Row]:
    """The rows of a file."""
    return [row for capture in read_captures(path) for row in rows_of(path.name, capture)]


def unreadable(path: Path) -> list[Unreadable]:
    """The lines of a file that hold no exchange."""
    return [capture for capture in read_captures(path) if isinstance(capture, Unreadable)]
