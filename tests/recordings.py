"""Real provider exchanges, beside the checkout or where BURSAR_RECORDINGS says; tests that need them skip without."""

import base64
import gzip
import json
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.core.call import ApiShape

FOLDER = Path(os.environ.get("BURSAR_RECORDINGS") or Path(__file__).parents[2] / "shared" / "recordings")
needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside the checkout")

_SHAPES = {
    "anthropic.messages": ApiShape.ANTHROPIC_MESSAGES,
    "openai.chat": ApiShape.OPENAI_CHAT,
    "openai.responses": ApiShape.OPENAI_RESPONSES,
    "gemini.generateContent": ApiShape.GEMINI,
    "gemini.streamGenerateContent": ApiShape.GEMINI,
}


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange. `expected` is the usage read from it by code that shares nothing with ours; None where it has none.

    Bodies are decompressed; `wire_encoding` tells what they were. They stay out of failure messages.
    """

    name: str
    provider: str
    host: str
    shape: ApiShape
    method: str
    path: str
    request_body: bytes = field(repr=False)
    request_headers: dict[str, str]
    status: int
    content_type: str
    wire_encoding: str
    response_body: bytes = field(repr=False)
    is_stream: bool
    is_trimmed: bool
    expected: dict[str, Any] | None


@cache
def recordings() -> tuple[Recording, ...]:
    """All exchanges of the four shapes, in a fixed order."""
    found: list[Recording] = []
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found.extend(_recording(line) for line in map(json.loads, lines) if line["api"] in _SHAPES)
    return tuple(found)


def _recording(line: dict[str, Any]) -> Recording:
    return Recording(
        name=f"{line['source']}#{line['index']}",
        provider=line["provider"],
        host=line["host"].partition(":")[0],
        shape=_SHAPES[line["api"]],
        method=line["method"],
        path=line["path"],
        request_body=_bytes(line["request_body"], line["request_encoding"]),
        request_headers={key.lower(): value for key, value in line["request_headers"].items()},
        status=line["status"],
        content_type=line["response_headers"].get("content-type") or "",
        wire_encoding=line.get("wire_content_encoding") or "",
        response_body=_bytes(line["response_body"], line["response_encoding"]),
        is_stream=line["stream"],
        is_trimmed=bool(line.get("request_trimmed")),
        expected=line["expected_usage"],
    )


def _bytes(text: str | None, encoding: str) -> bytes:
    return base64.b64decode(text or "") if encoding == "base64" else (text or "").encode()
