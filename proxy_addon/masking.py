"""The provider's key taken out of what the provider sends back, before the agent sees it.

Whoever can make a provider echo a request (a debugging endpoint, an error text that quotes a header) would otherwise
read the key that the meter had put on it. Each occurrence becomes as many asterisks, so that lengths stay as announced;
every other byte goes on as it came. Only the beginning of a possible key at the very end of a chunk is held back, until
the next chunk tells what it was.

A compressed answer cannot be masked without packing it anew. It is read beside, and broken off where it holds the key.
What comes in an encoding that the meter does not know (agents measured do not ask for one) goes on unread.
"""

import json
import logging
from collections.abc import Callable, Iterable
from urllib.parse import quote

from proxy_addon.content_decoding import UndecodableContent, decoder_for

_log = logging.getLogger(__name__)

MIN_KEY_LENGTH = 12
"""A shorter "key" is what a server on this machine was given for form's sake; to mask it would maul ordinary text."""
_PLAIN = ("", "identity")
_MASK = b"*"

type PassOn = Callable[[bytes], bytes | Iterable[bytes]]


class KeyMask:
    """Masks one key, as it is and as JSON and a URL would write it. An empty or short one is never found."""

    def __init__(self, key: str) -> None:
        written = dict.fromkeys((key, json.dumps(key)[1:-1], quote(key, safe=""))) if len(key) >= MIN_KEY_LENGTH else ()
        self._spellings = tuple(spelling.encode() for spelling in written)

    def whole(self, data: bytes) -> bytes:
        """The data with every occurrence masked; the very same object where there is none."""
        for spelling in self._spellings:
            if spelling in data:
                data = data.replace(spelling, _MASK * len(spelling))
        return data

    def is_in(self, data: bytes) -> bool:
        """Whether the key occurs."""
        return any(spelling in data for spelling in self._spellings)

    def begun(self, data: bytes) -> int:
        """How many bytes at the end of `data` could be the beginning of the key: 0 almost always."""
        longest = 0
        for spelling in self._spellings:
            longest = max(longest, _begun(spelling, data))
        return longest

    def seen_by(self, answer: bytes, content_encoding: str) -> bool:
        """Whether a whole body holds the key once it is unpacked. What cannot be unpacked holds nothing to read."""
        decoder = decoder_for(content_encoding)
        if decoder is None:
            return False
        try:
            return self.is_in(b"".join(decoder.decode(answer)))
        except UndecodableContent:
            return False


def _begun(spelling: bytes, data: bytes) -> int:
    first = spelling[:1]
    at = data.find(first, max(0, len(data) - len(spelling) + 1))
    while at >= 0:
        if spelling.startswith(data[at:]):
            return len(data) - at
        at = data.find(first, at + 1)
    return 0


class MaskedStream:
    """One streamed answer. `pass_on` is the function that would pass it on without us; `cut` breaks the answer off, and
    `is_cut` tells that it had to."""

    def __init__(self, mask: KeyMask, pass_on: PassOn | None, content_encoding: str, cut: Callable[[], object]) -> None:
        self._mask = mask
        self._pass_on = pass_on
        self._cut = cut
        self._is_plain = content_encoding.strip().lower() in _PLAIN
        self._decoder = None if self._is_plain else decoder_for(content_encoding)
        self._held = b""
        self._tail = b""
        self.is_cut = False

    def stream(self, chunk: bytes) -> list[bytes]:
        """What goes on of this chunk: never an empty one, which would end a chunked answer. An empty one is the end."""
        passed = chunk if self._pass_on is None else self._pass_on(chunk)
        data = passed if isinstance(passed, bytes) else b"".join(passed)
        if self.is_cut:
            return []
        going = self._masked(data, is_end=not chunk) if self._is_plain else self._watched(data, is_end=not chunk)
        return [going] if going else []

    def _masked(self, data: bytes, *, is_end: bool) -> bytes:
        data = self._mask.whole(self._held + data if self._held else data)
        begun = 0 if is_end else self._mask.begun(data)
        self._held = data[len(data) - begun :] if begun else b""
        return data[: len(data) - begun] if begun else data

    def _watched(self, packed: bytes, *, is_end: bool) -> bytes:
        """The packed bytes, as far as what they stand for is known to be harmless."""
        self._look_into(packed)
        packed, self._held = self._held + packed, b""
        if self.is_cut:
            _log.error("A compressed answer held the provider's key. It was broken off.")
            self._cut()
            return b""
        if not is_end and self._mask.begun(self._tail):
            self._held = packed
            return b""
        return packed

    def _look_into(self, packed: bytes) -> None:
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.decode(packed):
                seen = self._tail + piece
                self.is_cut = self.is_cut or self._mask.is_in(seen)
                self._tail = seen[len(seen) - self._mask.begun(seen) :]
        except UndecodableContent:
            self._decoder, self._tail = None, b""


class SentKeys:
    """The keys that this process has put on requests, each with its mask. To be used on the event loop."""

    def __init__(self) -> None:
        self._masks: dict[str, KeyMask] = {}

    def mask_of(self, key: str) -> KeyMask:
        """The mask of a key that is about to be sent."""
        if key not in self._masks:
            self._masks[key] = KeyMask(key)
        return self._masks[key]

    def masked(self, text: str) -> str:
        """An error's text without any key that was sent: it may quote what a provider said."""
        data = text.encode("utf-8", "surrogateescape")
        for mask in self._masks.values():
            data = mask.whole(data)
        return data.decode("utf-8", "surrogateescape")
