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
from proxy_addon.audit.places import DIALECTS

FOLDER = Path(os.environ.get("BURSAR_RECORDINGS") or Path(__file__).parents[2] / "shared" / "recordings")
needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside the checkout")


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
    response_headers: dict[str, str]
    wire_encoding: str
    response_body: bytes = field(repr=False)
    is_stream: bool
    is_trimmed: bool
    expected: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RecordedSocket:
    """The messages of one socket, each with whether the client sent it, and the usage expected of each turn."""

    name: str
    provider: str
    shape: ApiShape
    messages: tuple[tuple[bool, bytes], ...] = field(repr=False)
    expected: tuple[dict[str, Any], ...]


@cache
def lines() -> tuple[dict[str, Any], ...]:
    """Every line of every file, in a fixed order."""
    found: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as text:
            found.extend(map(json.loads, text))
    return tuple(found)


@cache
def recordings() -> tuple[Recording, ...]:
    """All exchanges over HTTP that a shape reads, in a fixed order."""
    return tuple(_recording(line) for line in lines() if line["api"] in DIALECTS and not line.get("ws_messages"))


@cache
def recorded_sockets() -> tuple[RecordedSocket, ...]:
    """All sockets, in a fixed order."""
    return tuple(_socket(line) for line in lines() if line.get("ws_messages"))


def _recording(line: dict[str, Any]) -> Recording:
    return Recording(
        name=f"{line['source']}#{line['index']}",
        provider=line["provider"],
        host=line["host"].partition(":")[0],
        shape=DIALECTS[line["api"]],
        method=line["method"],
        path=line["path"],
        request_body=_bytes(line["request_body"], line["request_encoding"]),
        request_headers={key.lower(): value for key, value in line["request_headers"].items()},
        status=line["status"],
        content_type=line["response_headers"].get("content-type") or "",
        response_headers={key.lower(): value for key, value in line["response_headers"].items() if value is not None},
        wire_encoding=line.get("wire_content_encoding") or "",
        response_body=_bytes(line["response_body"], line["response_encoding"]),
        is_stream=line["stream"],
        is_trimmed=bool(line.get("request_trimmed")),
        expected=line["expected_usage"],
    )


def _socket(line: dict[str, Any]) -> RecordedSocket:
    messages = [(message["dir"] == "sent", message["data"]) for message in line["ws_messages"]]
    return RecordedSocket(
        name=f"{line['source']}#{line['index']}",
        provider=line["provider"],
        shape=DIALECTS[line["api"]],
        messages=tuple((is_sent, json.dumps(data).encode()) for is_sent, data in messages),
        expected=tuple(line["expected_usage_per_turn"]),
    )


def _bytes(text: str | None, encoding: str) -> bytes:
    return base64.b64decode(text or "") if encoding == "base64" else (text or "").encode()
