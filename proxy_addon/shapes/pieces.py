"""One piece of a request's input: what it says, hashed and forgotten, and how much that is.

What changes from turn to turn without changing the input is left out of the hash: cache marks, and a line that Claude
Code writes anew for each request. Images are taken out and counted.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from proxy_addon.shapes.fields import mapping, text

MARKS = frozenset({"cache_control", "cachePoint"})
LIFE = re.compile(r"(\d{1,3})([mh])")
_MARKED_LIFE = "5m"
"""What a mark asks for that says nothing else (Anthropic's and Bedrock's documentation of prompt caching)."""
IMAGE_WEIGHT = 6_000
"""Bytes that an image is taken for where input is shared out: some 1,500 tokens, a full screen at most makers'."""
_ROLES = frozenset({"user", "assistant", "model", "tool", "system", "developer"})
_ARGUMENTS = ("input", "arguments")
_BILLING_LINE = "x-anthropic-billing-header:"
"""Claude Code begins its system prompt with a line that differs in each request."""
_IMAGE_TYPES = ("image", "image_url", "input_image", "computer_screenshot")
_IMAGE_DATA = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
_HOLDERS = frozenset({"content", "output", "parts", "toolResult", "functionResponse"})
"""Where a part holds other parts. Anywhere else an object that looks like an image is some tool's own word."""


def digest_of(said: bytes) -> bytes:
    """SHA-256, for which processors have instructions: 0.29 ms for 400 kB, where BLAKE2b takes 0.51 (measured)."""
    return hashlib.sha256(said).digest()[:16]


class Measure(NamedTuple):
    """What a piece came to, wherever it stands: a hash of what it says, and what a `Block` tells of it."""

    digest: bytes
    size: int
    images: int
    is_bounded: bool
    is_answer_part: bool


def measured(piece: Any, is_bounded: Callable[[Any], bool], lives: set[str]) -> Measure:
    """Of one piece. How long its cache marks ask for is put into `lives`."""
    if isinstance(piece, dict) and len(piece) == 1 and isinstance(role := piece.get("role"), str) and role in _ROLES:
        return _of_frame(role, is_bounded)
    said = said_by(piece, lives)
    digest = digest_of(b"" if is_billing_line(piece) else said)
    images: list[Any] = []
    rest, size = piece, len(said)
    if mapping(piece).get("type") != "text" and _holds_image(piece):
        rest = _without_images(piece, images)
        size = len(encoded(rest))
    is_named = _is_stored_reasoning(piece)
    return Measure(digest, size, len(images), not is_named and is_bounded(rest), is_named)


@lru_cache(100)
def _of_frame(role: str, is_bounded: Callable[[Any], bool]) -> Measure:
    """Every other piece of a conversation is the frame of a turn that has a role and no more."""
    frame = {"role": role}
    said = encoded(frame)
    return Measure(digest_of(said), len(said), 0, is_bounded(frame), is_answer_part=False)


def _is_stored_reasoning(piece: Any) -> bool:
    """Whether it is reasoning that OpenAI keeps, given by its id: its text is not in the request."""
    item = mapping(piece)
    return item.get("type") == "reasoning" and bool(item.get("id")) and not item.get("encrypted_content")


def is_billing_line(piece: Any) -> bool:
    return text(mapping(piece).get("text")).startswith(_BILLING_LINE)


def life_of(mark: Any) -> str:
    """How long a mark asks for; empty where that is no time."""
    life = text(mark.get("ttl")) or _MARKED_LIFE if isinstance(mark, dict) else ""
    return life if LIFE.fullmatch(life) else ""


def said_by(value: Any, lives: set[str]) -> bytes:
    """JSON text of a value without cache marks; how long they ask for is put into `lives`."""
    return encoded(_unmarked(value, lives) if _is_marked(value) else value)


def _is_marked(value: Any) -> bool:
    """Whether `_unmarked` would find a mark: most values have none, and need not be built anew."""
    if isinstance(value, list):
        return any(map(_is_marked, value))
    if not isinstance(value, dict):
        return False
    if not MARKS.isdisjoint(value):
        return True
    inner = [one for key, one in value.items() if isinstance(one, dict | list) and key not in _ARGUMENTS]
    return any(map(_is_marked, inner))


def _unmarked(value: Any, lives: set[str]) -> Any:
    """The value without cache marks, which agents move on with each turn. Inputs of
    tools are left as they are."""
    if isinstance(value, dict):
        lives.update(life_of(value[key]) for key in MARKS & value.keys())
        return {
            key: one if key in _ARGUMENTS else _unmarked(one, lives) for key, one in value.items() if key not in MARKS
        }
    if isinstance(value, list):
        left = [_unmarked(one, lives) for one in value]
        return [one for one, was in zip(left, value, strict=True) if one != {} or was == {}]
    return value


def _without_images(value: Any, images: list[Any]) -> Any:
    """The value with None for each image, which are put into `images`."""
    if isinstance(value, dict):
        if _is_image(value):
            images.append(value)
            return None
        return {key: _without_images(one, images) if key in _HOLDERS else one for key, one in value.items()}
    if isinstance(value, list):
        return [_without_images(one, images) for one in value]
    return value


def _holds_image(value: Any) -> bool:
    """Whether `_without_images` would find one."""
    if isinstance(value, dict):
        if _is_image(value):
            return True
        return not _HOLDERS.isdisjoint(value) and any(_holds_image(value[key]) for key in _HOLDERS if key in value)
    return isinstance(value, list) and any(map(_holds_image, value))


def _is_image(value: Mapping[str, Any]) -> bool:
    """Whether an object is an image in one of the dialects: a typed block, Gemini's data with its type, Converse's."""
    if value.get("type") in _IMAGE_TYPES or (not _IMAGE_DATA.isdisjoint(value) and _is_image_data(value)):
        return True
    return "image" in value and "source" in mapping(value["image"]) and "type" not in value


def _is_image_data(value: Mapping[str, Any]) -> bool:
    for key in _IMAGE_DATA:
        data = mapping(value.get(key))
        kind = data.get("mimeType", data.get("mime_type"))
        if isinstance(kind, str) and kind.startswith("image/"):
            return True
    return False


def encoded(value: Any) -> bytes:
    """JSON text, for hashing and measuring. Half a surrogate pair, which is no text, is written as an escape."""
    try:
        return msgspec.json.encode(value)
    except ValueError:
        return repr(value).encode("utf-8", "backslashreplace")
