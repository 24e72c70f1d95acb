"""Fields out of JSON that a stranger wrote: strict for a request, which decides what is held, lenient for an answer.

A request is rejected where two parsers could read it in two ways (a key given twice, a limit that is not a number). An
answer is never rejected: a field of the wrong type or beyond all sense counts as not said.
"""

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import msgspec

MAX_COUNT = 1_000_000_000
"""Above a billion a count of one call is a provider's mistake, and is taken as not said."""

_CONTENTS = ("content", "output", "source", "summary")
"""Where a block holds other blocks. Not arguments and schemas: their `type` is somebody else's word."""
_MEMBER = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_DEPLOYMENT = re.compile(r"/deployments/([^/?]+)/")
_PERHAPS_HALF = re.compile(rb"\\+u[dD](?:[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[89a-fA-F][0-9a-fA-F]{2})")
_KEY = msgspec.json.Decoder(str)
_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


NO_READERS: Mapping[str, Callable[[bytes], Any]] = MappingProxyType({})


class UnreadableRequest(ValueError):
    """A request body that cannot be priced as it stands. The message is for the agent and holds nothing of the body."""


def read_object(
    body: bytes, *limit_keys: str, readers: Mapping[str, Callable[[bytes], Any]] = NO_READERS
) -> dict[str, Any]:
    """The members of a request body, some by `readers` of their own. Raises UnreadableRequest unless it is one JSON
    object with each key given once, and each object under one of `limit_keys` too.
    """
    try:
        members = _split_members(body)
        for key in limit_keys:
            if members.get(key, b"").startswith(b"{"):
                _split_members(members[key])
    except _UNREADABLE as error:
        if isinstance(error, UnreadableRequest):
            raise
        whole = _without_half_characters(body)
        return _read_tolerantly(body) if whole == body else read_object(whole, *limit_keys, readers=readers)
    try:
        return {key: readers.get(key, msgspec.json.decode)(value) for key, value in members.items()}
    except _UNREADABLE:
        raise UnreadableRequest("The request body is not valid JSON.") from None


def raw_member(body: bytes, key: str) -> bytes:
    """The JSON text of one member of a body; `{}` where it is absent. Raises UnreadableRequest."""
    try:
        return _split_members(body).get(key, b"{}")
    except UnreadableRequest:
        raise
    except _UNREADABLE:
        raise UnreadableRequest("The request body is not valid JSON.") from None


def _split_members(body: bytes) -> dict[str, bytes]:
    """Key -> the JSON text of its value. A decoder keeps the last of two equal keys silently, so the text is walked
    along the values that were kept: where another value stands in their place, a key was given twice.
    """
    members = {key: bytes(raw) for key, raw in _RAW_OBJECT.decode(body).items()}
    seen: set[str] = set()
    position = 0
    while (match := _MEMBER.match(body, position)) is not None:
        key = _KEY.decode(match[1])
        if key in seen or not body.startswith(members[key], match.end()):
            raise UnreadableRequest("The request body gives a key twice.")
        seen.add(key)
        position = match.end() + len(members[key])
    if len(seen) != len(members) or body[position:].strip() not in (b"}", b"{}"):
        raise UnreadableRequest("The request body gives a key twice.")
    return members


def _without_half_characters(body: bytes) -> bytes:
    """Half of a surrogate pair is not text, but agents that cut a text between the two send it and providers take it.
    In its place is put what stands for a character that cannot be shown, as long."""
    return _PERHAPS_HALF.sub(lambda found: found[0][:-4] + b"fffd" if _is_half(found[0]) else found[0], body)


def _is_half(escape: bytes) -> bool:
    """Whether an escape, with all backslashes before it, is one half; two of them are a whole character."""
    slashes = len(escape) - len(escape.lstrip(b"\\"))
    return slashes % 2 == 1 and len(escape) == slashes + 5


def _read_tolerantly(body: bytes) -> dict[str, Any]:
    """The standard library reads what is not quite JSON, such as a text with a mark of its byte order."""
    try:
        value = json.loads(body, object_pairs_hook=_unique, parse_constant=_reject_constant)
    except UnreadableRequest:
        raise
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UnreadableRequest("The request body is not a JSON object.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise UnreadableRequest("The request body gives a key twice.")
    return members


def _reject_constant(_name: str) -> None:
    raise ValueError("not JSON")


def read_json(payload: bytes) -> Any:
    """The JSON value of an answer, or None where it is none."""
    try:
        return msgspec.json.decode(payload)
    except _UNREADABLE:
        pass
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def read_values(payload: bytes) -> list[Any]:
    """The JSON values of an answer: one, or one a line where it was a stream that did not say so."""
    value = read_json(payload)
    return [value] if value is not None else [read_json(line) for line in payload.splitlines()]


def require_text(members: Mapping[str, Any], key: str) -> str:
    """A text that must be there and not be empty. Raises UnreadableRequest."""
    value = optional_text(members, key)
    if not value:
        raise UnreadableRequest(f"The request body has no {key}.")
    return value


def require_model(members: Mapping[str, Any], path: str) -> str:
    """The model of the body; else the deployment that the path of an Azure resource names. Raises UnreadableRequest."""
    deployment = _DEPLOYMENT.search(path)
    return optional_text(members, "model") or (unquote(deployment[1]) if deployment else require_text(members, "model"))


def optional_text(members: Mapping[str, Any], key: str) -> str:
    """A text, empty where it is absent or null. Raises UnreadableRequest for another type."""
    value = members.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableRequest(f"{key} must be a string.")
    return value


def optional_flag(members: Mapping[str, Any], key: str) -> bool:
    """A boolean, False where it is absent or null. Raises UnreadableRequest for another type."""
    value = members.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise UnreadableRequest(f"{key} must be true or false.")
    return value


def optional_limit(members: Mapping[str, Any], *keys: str) -> int | None:
    """The largest of the limits given under these keys; None where none is. Raises UnreadableRequest for no number."""
    limits = [_limit(key, members[key]) for key in keys if members.get(key) is not None]
    return max(limits, default=None)


def _limit(key: str, value: object) -> int:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole <= MAX_COUNT:
        raise UnreadableRequest(f"{key} must be a whole number of 0 or more.")
    return whole


def count(value: object) -> int | None:
    """A count out of an answer; None where it is no sensible one."""
    if value is None:
        return None
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole <= MAX_COUNT:
        return None
    return whole


def first_count(*values: object) -> int | None:
    """The first of several that is a sensible count."""
    return next((found for value in values if (found := count(value)) is not None), None)


def total(*counts: int | None) -> int | None:
    """The sum of what was said; None where nothing was."""
    said = [number for number in counts if number is not None]
    return sum(said) if said else None


def text(value: object) -> str:
    """A short text out of an answer, such as a model or an id; empty where it is none."""
    return value[:200] if isinstance(value, str) else ""


def mapping(value: object) -> Mapping[str, Any]:
    """An object out of an answer; empty where it is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A list out of JSON; empty where it is none."""
    return value if isinstance(value, list) else []


def byte_length(value: object) -> int:
    """Bytes of a text in UTF-8; 0 where it is none. Of another JSON value: of its JSON text."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if value is None or not isinstance(value, dict | list):
        return 0
    try:
        return len(json.dumps(value))
    except RecursionError:
        return 0


def has_only_types(value: object, bounded: frozenset[str]) -> bool:
    """Whether each object with a `type`, at any depth of content, has one of these: those whose tokens bytes bound."""
    pending: list[object] = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            kind = current.get("type")
            if kind is not None and (not isinstance(kind, str) or kind not in bounded):
                return False
            for key in _CONTENTS:
                if key in current and isinstance(inner := current[key], dict | list):
                    pending.append(inner)
        elif isinstance(current, list):
            pending.extend(current)
    return True
