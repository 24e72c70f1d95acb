"""Small edits of a JSON object's text: what is changed is changed, and every other byte stays as the client wrote it.

A body is never parsed and written anew, since that would reorder, respace or reround what is not ours.
"""

import re

import msgspec

_KEY = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def member_spans(text: bytes) -> dict[str, slice] | None:
    """Where the value of each top-level member stands. None where the text is no object, or gives a key twice."""
    try:
        members = {name: bytes(raw) for name, raw in _RAW_OBJECT.decode(text).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    spans: dict[str, slice] = {}
    position = 0
    while (match := _KEY.match(text, position)) is not None:
        name = msgspec.json.decode(match[1], type=str)
        position = match.end() + len(members[name])
        if name in spans or text[match.end() : position] != members[name]:
            return None  # a decoder keeps the last of two equal keys
        spans[name] = slice(match.end(), position)
    return spans if len(spans) == len(members) else None


def with_member(text: bytes, key: str, value: bytes) -> bytes | None:
    """The object with that member: its value replaced, or the member put in first. None where `member_spans` is.

    `value` is JSON text.
    """
    spans = member_spans(text)
    if spans is None:
        return None
    if key in spans:
        return text[: spans[key].start] + value + text[spans[key].stop :]
    start = text.index(b"{") + 1
    comma = b"," if spans else b""
    return text[:start] + msgspec.json.encode(key) + b":" + value + comma + text[start:]
