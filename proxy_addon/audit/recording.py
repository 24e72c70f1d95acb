"""Recordings: a line is a JSON object with one exchange, its bodies decompressed and kept as text or as base64.

`provider`, `api` and `request_model` on a line are hints, used where host and path tell nothing. A socket has
`ws_messages`, each `{dir, data}`.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from proxy_addon.audit.captures import Address, Body, Capture, Message, Told, Unreadable
from proxy_addon.audit.lines import MAX_LINE_BYTES, read_lines
from proxy_addon.shapes.fields import count, items, mapping, read_json, text

_NOT_AN_OBJECT = "It is not a JSON object."
_BAD_BASE64 = "A body is not the base64 that it is said to be."
_TOO_LONG = f"It is longer than {MAX_LINE_BYTES // 1024**2} MB, which is all that is read."
_NO_EXCHANGE = "It holds neither a request nor messages."


def read_recording(stream: BinaryIO) -> Iterator[Capture | Unreadable]:
    """Each line's exchange. Reads on after a line that cannot be used."""
    for number, line in read_lines(stream):
        if line is None:
            yield Unreadable(number, "line_too_long", _TOO_LONG, is_damaged=True)
            continue
        members = read_json(line)
        if not isinstance(members, dict):
            yield Unreadable(number, "unreadable_line", _NOT_AN_OBJECT, is_damaged=True)
        elif not members.keys() & {"request_body", "response_body", "ws_messages"}:
            yield Unreadable(number, "no_exchange", _NO_EXCHANGE)
        else:
            yield _read_line(number, members)


def _read_line(number: int, members: Mapping[str, Any]) -> Capture | Unreadable:
    try:
        request = _body(members, "request")
        answer = _body(members, "response")
    except ValueError:
        return Unreadable(number, "unreadable_line", _BAD_BASE64)
    messages = members.get("ws_messages")
    return Capture(
        line=number,
        method=text(members.get("method")) or "POST",
        address=_address(text(members.get("host")), _text(members.get("path"))),
        request=request,
        answer=answer,
        status=count(members.get("status")),
        source=text(members.get("source")),
        messages=tuple(map(_message, items(messages))) if isinstance(messages, list) else None,
        told=Told(text(members.get("provider")), text(members.get("api")), text(members.get("request_model"))),
    )


def _address(host: str, path: str) -> Address:
    """A recording has no scheme: providers are reached by https, whatever listens on this machine by http."""
    name, _, port = host.rpartition(":") if host[-1:].isdigit() and ":" in host else (host, "", "")
    is_local = name in ("localhost", "127.0.0.1", "[::1]")
    usual = 80 if is_local else 443
    return Address("http" if is_local else "https", name, int(port) if port.isdecimal() else usual, path)


def _body(members: Mapping[str, Any], side: str) -> Body:
    """One side. Raises ValueError for base64 that is none."""
    data = members.get(f"{side}_body")
    headers = {name.lower(): _text(value) for name, value in mapping(members.get(f"{side}_headers")).items()}
    if not isinstance(data, str):
        return Body(headers, None if data is None else _as_bytes(data))
    if members.get(f"{side}_encoding") == "base64":
        return Body(headers, base64.b64decode(data, validate=True))
    return Body(headers, _as_bytes(data))


def _message(message: object) -> Message:
    members = mapping(message)
    return Message(members.get("dir") == "sent", _as_bytes(members.get("data")))


def _as_bytes(value: object) -> bytes:
    """A text as it was on the wire; what a recorder had parsed, as JSON again."""
    written = value if isinstance(value, str) else json.dumps(value)
    return written.encode("utf-8", "surrogatepass")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
