"""A request's input piece by piece, so that one which extends an earlier one can be told and what is new be measured.

Content is hashed and forgotten. What changes from turn to turn without changing the input is left out of the hash:
cache marks, limits, ids of users. The same text given as a string or as a list of one part is the same.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from app.core.exchange import Block
from proxy_addon.shapes.fields import items, mapping

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
_BILLING_LINE = "x-anthropic-billing-header:"
"""Claude Code begins its system prompt with a line that differs in each request."""
_HOLDERS = ("content", "output", "parts", "toolResult", "functionResponse")
"""Where a part holds other parts. Anywhere else an object that looks like an image is some tool's own word."""


def input_blocks(
    members: Mapping[str, Any], keys: tuple[str, ...], is_bounded: Callable[[Any], bool]
) -> tuple[Block, ...]:
    """The blocks of a request whose turns stand under `keys`; empty where the provider may rewrite what it is sent.

    `is_bounded` tells of one part, its images taken out, whether bytes bound its tokens.
    """
    if any(members.get(key) for key in _REWRITES_INPUT) or members.get("truncation") == "auto":
        return ()
    try:
        return tuple(_blocks(members, keys, is_bounded))
    except RecursionError:
        return ()


def _blocks(members: Mapping[str, Any], keys: tuple[str, ...], is_bounded: Callable[[Any], bool]) -> Iterator[Block]:
    frame = {key: value for key, value in members.items() if key not in _NO_INPUT and key not in keys}
    text = _encoded(_unmarked(frame))
    running = hashlib.blake2b(text, digest_size=16)
    yield Block(running.digest(), len(text))
    for key in keys:
        for piece, is_start in _pieces(members.get(key)):
            text = _encoded(_unmarked(piece))
            running.update(b"%d %d %d:" % (keys.index(key), is_start, len(text)))
            running.update(b"" if _is_billing_line(piece) else text)
            yield _block(running.digest(), piece, len(text), is_bounded)


def _block(prefix: bytes, piece: Any, size: int, is_bounded: Callable[[Any], bool]) -> Block:
    images: list[Any] = []
    rest = _without_images(piece, images)
    if images:
        size = len(_encoded(rest))
    is_named = _is_stored_reasoning(piece)
    return Block(prefix, size, len(images), is_bounded(rest) and not is_named, is_named)


def _is_stored_reasoning(piece: Any) -> bool:
    """Whether it is reasoning that OpenAI keeps, given by its id: its text is not in the request."""
    item = mapping(piece)
    return item.get("type") == "reasoning" and bool(item.get("id")) and not item.get("encrypted_content")


def _pieces(value: Any) -> Iterator[tuple[Any, bool]]:
    """Each turn without its content, then its content part by part; True where a turn begins."""
    turns = value if isinstance(value, list) else [] if value is None else [value]
    for turn in turns:
        key = next((key for key in ("content", "parts") if key in mapping(turn)), None)
        if key is None:
            yield turn, True
            continue
        content = turn[key]
        yield {name: one for name, one in turn.items() if name != key}, True
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else items(content):
            yield part, False
        if isinstance(content, dict):
            yield content, False


def _is_billing_line(piece: Any) -> bool:
    text = mapping(piece).get("text")
    return isinstance(text, str) and text.startswith(_BILLING_LINE)


def _unmarked(value: Any) -> Any:
    """The value without cache marks, which agents move on with each turn. Inputs of tools are left as they are."""
    if isinstance(value, dict):
        return {
            key: one if key in ("input", "arguments") else _unmarked(one)
            for key, one in value.items()
            if key not in _MARKS
        }
    if isinstance(value, list):
        return [_unmarked(one) for one in value if not (isinstance(one, dict) and one.keys() <= _MARKS)]
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


def _is_image(value: Mapping[str, Any]) -> bool:
    """Whether an object is an image in one of the dialects: a typed block, Gemini's data with its type, Converse's."""
    if value.get("type") in ("image", "image_url", "input_image", "computer_screenshot"):
        return True
    for key in ("inlineData", "inline_data", "fileData", "file_data"):
        data = mapping(value.get(key))
        kind = data.get("mimeType", data.get("mime_type"))
        if isinstance(kind, str) and kind.startswith("image/"):
            return True
    return "source" in mapping(value.get("image")) and "type" not in value


def _encoded(value: Any) -> bytes:
    """JSON text, for hashing and measuring. Half a surrogate pair, which is no text, is written as an escape."""
    try:
        return msgspec.json.encode(value)
    except ValueError:
        return repr(value).encode("utf-8", "backslashreplace")
