"""HAR 1.1 and 1.2, as browsers and proxies export them: one JSON document with an entry an exchange.

The document is one piece, so it is held in memory and bounded by `MAX_HAR_BYTES`; its entries are read one at a time.
Bodies stand in it decompressed, except that some exporters keep the bytes off the wire as base64. Chrome and mitmproxy
write a socket's messages under `_webSocketMessages`.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import msgspec

from proxy_addon.audit.captures import Address, Body, Capture, DamagedFile, Message, Unreadable
from proxy_addon.shapes.fields import count, items, mapping, read_json, text

MAX_HAR_BYTES = 256 * 1024 * 1024
_TOO_LARGE = f"A HAR file above {MAX_HAR_BYTES // 1024**2} MB is not read: it has to be held as a whole."
_NO_ENTRIES = "It is JSON, but no HAR: it has no log with entries."
_BAD_ENTRY = "The entry is not what HAR describes."
_BINARY = 2
"""The opcode of a message of bytes (RFC 6455, section 5.2), which stands in a HAR as base64."""


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _Document(msgspec.Struct):
    log: _Log


def read_har(stream: BinaryIO) -> Iterator[Capture | Unreadable]:
    """Each entry, numbered from 1. Raises DamagedFile."""
    document = stream.read(MAX_HAR_BYTES + 1)
    if len(document) > MAX_HAR_BYTES:
        raise DamagedFile(_TOO_LARGE, 1)
    for number, raw in enumerate(_entries(document), start=1):
        entry = read_json(bytes(raw)) if isinstance(raw, msgspec.Raw) else raw
        if isinstance(entry, dict) and isinstance(entry.get("request"), dict):
            yield _read_entry(number, entry)
        else:
            yield Unreadable(number, "unreadable_entry", _BAD_ENTRY)


def _entries(document: bytes) -> list[Any]:
    """The entries, undecoded where that is possible. The standard library reads half a surrogate pair, and tells where
    a document goes wrong.
    """
    try:
        return list(msgspec.json.decode(document.removeprefix(b"\xef\xbb\xbf"), type=_Document).log.entries)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        entries = mapping(mapping(json.loads(document)).get("log")).get("entries")
    except json.JSONDecodeError as error:
        raise DamagedFile("It is not valid JSON from here on.", error.lineno) from None
    except (ValueError, RecursionError):
        raise DamagedFile("It is not valid JSON.", 1) from None
    if not isinstance(entries, list):
        raise DamagedFile(_NO_ENTRIES, 1)
    return entries


def _read_entry(number: int, entry: Mapping[str, Any]) -> Capture:
    request, response = mapping(entry.get("request")), mapping(entry.get("response"))
    posted, content = mapping(request.get("postData")), mapping(response.get("content"))
    messages = entry.get("_webSocketMessages")
    return Capture(
        line=number,
        method=text(request.get("method")).upper(),
        address=_address(request.get("url")),
        request=_body(request, posted) if posted else Body(_headers(request), b""),
        answer=_body(response, content),
        status=count(response.get("status")) or None,
        started_at=_time(entry.get("startedDateTime")),
        is_broken=bool(response.get("_error")),
        messages=tuple(map(_message, items(messages))) if isinstance(messages, list) else None,
    )


def _address(url: object) -> Address:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
        port = parts.port or (443 if scheme == "https" else 80)
    except ValueError:
        return Address()
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return Address(scheme, parts.hostname or "", port, path)


def _headers(side: Mapping[str, Any]) -> dict[str, str]:
    pairs = [mapping(pair) for pair in items(side.get("headers"))]
    return {str(pair.get("name")).lower(): str(pair.get("value")) for pair in pairs}


def _body(side: Mapping[str, Any], content: Mapping[str, Any]) -> Body:
    """`content` is a `postData` or a `content`: a text, base64 where `encoding` says so; exporters may leave it out."""
    headers = _headers(side)
    headers.setdefault("content-type", str(content.get("mimeType") or ""))
    written = content.get("text")
    if not isinstance(written, str):
        return Body(headers, None)
    data = _decoded(written, content.get("encoding"))
    return Body(headers, data, "" if data is None or _is_text(data) else headers.get("content-encoding", ""))


def _decoded(written: str, encoding: object) -> bytes | None:
    if encoding != "base64":
        return written.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(written)
    except ValueError:
        return None


def _is_text(data: bytes) -> bool:
    """Whether this is a body as it was meant: compressed bytes are no UTF-8, by the second or third of them."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _message(message: object) -> Message:
    members = mapping(message)
    written = members.get("data")
    is_binary = members.get("opcode") == _BINARY
    data = _decoded(written if isinstance(written, str) else "", "base64" if is_binary else "")
    return Message(members.get("type") == "send", data or b"")


def _time(written: object) -> datetime | None:
    """An ISO 8601 time; HAR demands a zone, and one without is taken as UTC."""
    try:
        at = datetime.fromisoformat(written if isinstance(written, str) else "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
