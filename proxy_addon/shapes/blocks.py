"""A request's input piece by piece, so that one which extends an earlier one can be told and what is new be measured.

Content is hashed and forgotten. What changes from turn to turn without changing the input is left out of the hash:
cache marks, limits, ids of users. The same text given as a string or as a list of one part is the same.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from app.core.exchange import Block
from app.core.sent_input import DIGEST_BYTES, InputPart, PartKind
from app.core.tool_call import clean_tool_name
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.tool_definitions import given_tools, without_tools

_NO_INPUT = frozenset(
    {"model", "stream", "stream_options", "user", "metadata", "client_metadata", "safety_identifier", "store", "n"}
    | {"max_tokens", "max_completion_tokens", "max_output_tokens", "temperature", "top_p", "top_k", "seed", "stop"}
    | {"stop_sequences", "service_tier", "serviceTier", "speed", "inference_geo", "include", "background", "betas"}
    | {"cache_control", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "previous_response_id"}
    | {"inferenceConfig"}
)
"""Settings that are no part of the input. Any other setting stays in the frame, where a change makes all of it new."""
_REWRITES_INPUT = ("context_management", "context_edits", "compaction")
"""With these the provider itself drops or rewrites parts of the input, so that a longer one may count less."""
_MARKS = frozenset({"cache_control", "cachePoint"})
_ARGUMENTS = ("input", "arguments")
_BILLING_LINE = "x-anthropic-billing-header:"
"""Claude Code begins its system prompt with a line that differs in each request."""
_SYSTEM = frozenset({"system", "systemInstruction", "system_instruction", "instructions"})
_SYSTEM_ROLES = frozenset({"system", "developer"})
_OF_A_SOCKET = frozenset({"type", "stream_id", "event_id", "generate"})
"""What a message on a socket says of itself: no setting of the input."""
_BARE = frozenset({"role", "type", "id", "status"})
"""A turn's frame with no more than these says nothing by itself."""
_IMAGE_TYPES = ("image", "image_url", "input_image", "computer_screenshot")
_IMAGE_DATA = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
_IMAGE_WEIGHT = 6_000
"""Bytes that an image is taken for where input is shared out: some 1,500 tokens, a full screen at most makers'."""
_LIFE = re.compile(r"(\d{1,3})([mh])")
_MARKED_LIFE = "5m"
"""What a mark asks for that says nothing else (Anthropic's and Bedrock's documentation of prompt caching)."""
_HOLDERS = frozenset({"content", "output", "parts", "toolResult", "functionResponse"})
"""Where a part holds other parts. Anywhere else an object that looks like an image is some tool's own word."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A request's input in pieces: `blocks` measure it, `parts` are what a later request is held against. `cache_asked`
    is how long the request asks for it to be cached, the shortest where marks differ; empty where it does not."""

    blocks: tuple[Block, ...] = ()
    parts: tuple[InputPart, ...] = ()
    cache_asked: str = ""


def input_pieces(members: Mapping[str, Any], keys: tuple[str, ...], is_bounded: Callable[[Any], bool]) -> Pieces:
    """The pieces of a request whose turns stand under `keys`; without blocks where the provider may rewrite what it is
    sent, and empty where it is nested too deep to be looked at.

    `is_bounded` tells of one part, its images taken out, whether bytes bound its tokens.
    """
    walk = _Walk(is_bounded)
    try:
        walk.take_frame({key: one for key, one in members.items() if key not in _NO_INPUT and key not in keys})
        for place, key in enumerate(keys):
            walk.take_turns(place, members.get(key), is_system=key in _SYSTEM)
    except RecursionError:
        return Pieces()
    is_rewritten = any(members.get(key) for key in _REWRITES_INPUT) or members.get("truncation") == "auto"
    return Pieces(() if is_rewritten else tuple(walk.blocks), tuple(walk.parts), _asked_life(members, walk.marks))


class _Walk:
    """One way through a request, piece by piece. `blocks` carry a hash of all before, made of the hashes of pieces."""

    def __init__(self, is_bounded: Callable[[Any], bool]) -> None:
        self.blocks: list[Block] = []
        self.parts: list[InputPart] = []
        self.marks: list[Any] = []
        self._is_bounded = is_bounded
        self._running = hashlib.blake2b(digest_size=16)

    def take_frame(self, frame: Mapping[str, Any]) -> None:
        """Tools and settings: one block, since a change of any makes all of it new; a part for each."""
        tools, rest = without_tools(frame)
        size = sum(self._take_framed(PartKind.TOOL, name, tool) for name, tool in tools if not self._is_mark(tool))
        for name, one in sorted(rest.items()):
            size += self._take_framed(PartKind.SYSTEM if name in _SYSTEM else PartKind.SETTING, name, {name: one})
        self.blocks.append(Block(self._running.digest(), size))

    def take_turns(self, place: int, turns: Any, *, is_system: bool) -> None:
        """The turns of one member. The frame of a turn counts with the first of its parts, unless it says something."""
        number = carried = 0
        leads, kind = True, PartKind.SYSTEM
        for piece, is_start in _pieces(turns):
            if self._is_mark(piece):
                continue
            block, digest = self._take_piece(place, piece, is_start)
            weight = carried + block.size + block.images * _IMAGE_WEIGHT
            carried = 0
            if is_start:
                number += 1
                leads = leads and (is_system or text(mapping(piece).get("role")) in _SYSTEM_ROLES)
                kind = PartKind.SYSTEM if leads else PartKind.MESSAGE
            if is_start and isinstance(piece, dict) and piece.keys() <= _BARE:
                carried = weight
            elif is_start and (given := given_tools(piece)):
                self.parts.extend(self._part(PartKind.TOOL, name, tool, number)[0] for name, tool in given)
            else:
                self.parts.append(InputPart(kind, digest, weight, number))

    def _is_mark(self, piece: Any) -> bool:
        """Whether a piece is a cache mark alone, as Converse's are, and so no input."""
        if not isinstance(piece, dict) or not piece or not piece.keys() <= _MARKS:
            return False
        self.marks.extend(piece.values())
        return True

    def _take_piece(self, place: int, piece: Any, is_start: bool) -> tuple[Block, bytes]:
        said = _said(piece, self.marks)
        digest = _digest(b"" if _is_billing_line(piece) else said)
        self._running.update(b"%d %d:" % (place, is_start) + digest)
        block = _block(self._running.digest(), piece, len(said), self._is_bounded)
        self.blocks.append(block)
        return block, digest[:DIGEST_BYTES]

    def _take_framed(self, kind: PartKind, name: str, value: Any) -> int:
        part, digest = self._part(kind, name, value)
        self._running.update(b"frame %d:" % kind + digest)
        if kind is not PartKind.SETTING or name not in _OF_A_SOCKET:
            self.parts.append(part)
        return part.size

    def _part(self, kind: PartKind, name: str, value: Any, turn: int = 0) -> tuple[InputPart, bytes]:
        """A part with a name, and the whole of its hash."""
        said = _said(value, self.marks)
        digest = _digest(said)
        return InputPart(kind, digest[:DIGEST_BYTES], len(said), turn, clean_tool_name(name)), digest


def _digest(said: bytes) -> bytes:
    """SHA-256, for which processors have instructions: 0.29 ms for 400 kB, where BLAKE2b takes 0.51 (measured)."""
    return hashlib.sha256(said).digest()[:16]


def _asked_life(members: Mapping[str, Any], marks: list[Any]) -> str:
    """How long the input is asked to be cached: by marks in it, by one for all of it, or by OpenAI's settings."""
    marks = [*marks, *(members[key] for key in _MARKS if members.get(key))]
    lives = [text(mapping(mark).get("ttl")) or _MARKED_LIFE for mark in marks if isinstance(mark, dict)]
    lives += [
        text(mapping(members.get("prompt_cache_options")).get("ttl")),
        text(members.get("prompt_cache_retention")),
    ]
    known = [found for found in map(_LIFE.fullmatch, lives) if found]
    return min(known, key=lambda one: int(one[1]) * (60 if one[2] == "h" else 1))[0] if known else ""


def _block(prefix: bytes, piece: Any, size: int, is_bounded: Callable[[Any], bool]) -> Block:
    images: list[Any] = []
    rest = piece
    if mapping(piece).get("type") != "text" and _holds_image(piece):
        rest = _without_images(piece, images)
        size = len(_encoded(rest))
    is_named = _is_stored_reasoning(piece)
    return Block(prefix, size, len(images), not is_named and is_bounded(rest), is_named)


def _is_stored_reasoning(piece: Any) -> bool:
    """Whether it is reasoning that OpenAI keeps, given by its id: its text is not in the request."""
    item = mapping(piece)
    return item.get("type") == "reasoning" and bool(item.get("id")) and not item.get("encrypted_content")


def _pieces(value: Any) -> Iterator[tuple[Any, bool]]:
    """Each turn without its content, then its content part by part; True where a turn begins."""
    turns = value if isinstance(value, list) else [] if value is None else [value]
    for turn in turns:
        members = mapping(turn)
        key = "content" if "content" in members else "parts"
        if key not in members:
            yield turn, True
            continue
        content = members[key]
        yield {name: one for name, one in turn.items() if name != key}, True
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else items(content):
            yield part, False
        if isinstance(content, dict):
            yield content, False


def _is_billing_line(piece: Any) -> bool:
    text = mapping(piece).get("text")
    return isinstance(text, str) and text.startswith(_BILLING_LINE)


def _said(value: Any, marks: list[Any]) -> bytes:
    """JSON text of a value without cache marks, which are put into `marks`."""
    return _encoded(_unmarked(value, marks) if _is_marked(value) else value)


def _is_marked(value: Any) -> bool:
    """Whether `_unmarked` would find a mark: most values have none, and need not be built anew."""
    if isinstance(value, list):
        return any(map(_is_marked, value))
    if not isinstance(value, dict):
        return False
    if not _MARKS.isdisjoint(value):
        return True
    inner = [one for key, one in value.items() if isinstance(one, dict | list) and key not in _ARGUMENTS]
    return any(map(_is_marked, inner))


def _unmarked(value: Any, marks: list[Any]) -> Any:
    """The value without cache marks, which agents move on with each turn and which are put into `marks`. Inputs of
    tools are left as they are."""
    if isinstance(value, dict):
        marks.extend(value[key] for key in _MARKS & value.keys())
        return {
            key: one if key in _ARGUMENTS else _unmarked(one, marks) for key, one in value.items() if key not in _MARKS
        }
    if isinstance(value, list):
        left = [_unmarked(one, marks) for one in value]
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


def _encoded(value: Any) -> bytes:
    """JSON text, for hashing and measuring. Half a surrogate pair, which is no text, is written as an escape."""
    try:
        return msgspec.json.encode(value)
    except ValueError:
        return repr(value).encode("utf-8", "backslashreplace")
