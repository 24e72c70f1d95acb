"""Streams that would hide their usage: ask for it in the client's place, and take the answer to our question out again.

OpenAI's Chat Completions tell the usage of a stream only where the request says `stream_options.include_usage`, in one
more chunk at the end whose `choices` are empty (OpenAI API reference, "stream_options"). A client that did not ask may
index `choices[0]`, so it is not to see that chunk.
"""

import logging
from collections.abc import Iterator

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.content_decoding import UndecodableContent, decoder_for
from proxy_addon.json_text import member_spans, with_member
from proxy_addon.routes import Route, Upstream
from proxy_addon.shapes.fields import mapping, read_json
from proxy_addon.sse import SseParser

_log = logging.getLogger(__name__)

_HIDING = frozenset({"openai", "azure", "x-ai", "ollama"})
"""Providers that tell a stream's usage only when asked, and then in a chunk of its own: all 125 recorded streams that
asked, and none of 39 that did not. Others tell it unasked, or on a chunk that carries text and cannot be taken out."""
_SHAPES = (ApiShape.OPENAI_CHAT, ApiShape.OPENAI_COMPLETIONS)
_OPTIONS = "stream_options"
_FLAG = "include_usage"
MAX_HELD_BYTES = 64 * 1024
"""A usage chunk has less than a thousandth of that; a longer event is passed on without waiting for its end."""
_MAX_REFUSING = 1000


def hides_usage(provider: str, shape: ApiShape, facts: RequestFacts) -> bool:
    """Whether the answer to such a request may keep its usage to itself."""
    return facts.is_stream and shape in _SHAPES and provider in _HIDING


def with_usage_asked(body: bytes) -> bytes | None:
    """The request with `include_usage` set, every other byte as it was; None where it asks already or cannot be told
    to (a `stream_options` that is no object is the provider's to reject)."""
    spans = member_spans(body) or {}
    options = body[spans[_OPTIONS]] if _OPTIONS in spans else b"null"
    if options == b"null":
        return with_member(body, _OPTIONS, b'{"include_usage":true}')
    told = member_spans(options)
    if told is None or (_FLAG in told and options[told[_FLAG]] not in (b"false", b"null")):
        return None
    edited = with_member(options, _FLAG, b"true")
    return None if edited is None else with_member(body, _OPTIONS, edited)


class RefusingServers:
    """Addresses and models that answered a request for usage with an error: they are not asked again."""

    def __init__(self) -> None:
        self._known: dict[tuple[Upstream, str, str], None] = {}

    def add(self, route: Route, model: str) -> None:
        """Remember one; the oldest of many is forgotten."""
        self._known[route.upstream, route.path, model] = None
        if len(self._known) > _MAX_REFUSING:
            del self._known[next(iter(self._known))]

    def has(self, route: Route, model: str) -> bool:
        """Whether it is known to refuse."""
        return (route.upstream, route.path, model) in self._known


MAY_REFUSE_USAGE = (400, 422)
"""The statuses of a server that does not know the question."""


def is_about_usage(error: bytes) -> bool:
    """Whether the body of an error names the question that we put in."""
    return _OPTIONS.encode() in error or _FLAG.encode() in error


class UsageHider:
    """Takes the chunk that answers our question out of a stream; everything else goes on byte for byte.

    An event goes on as soon as it is whole, which is when a client can first use it. We ask for an answer without
    compression; a server that compresses all the same is decoded, and `is_decoding` tells that the client gets it so.
    `is_broken`: that could not be done to the end, and the client is to see a broken answer, not a shorter one.
    """

    def __init__(self, content_encoding: str) -> None:
        encoding = content_encoding.strip().lower()
        self._decoder = decoder_for(encoding) if encoding not in ("", "identity") else None
        self.is_decoding = self._decoder is not None
        self.is_broken = False
        self._is_readable = self.is_decoding or encoding in ("", "identity")
        self._events = _Events()
        if not self._is_readable:
            _log.warning("An answer came in an encoding that is not known, with a usage chunk that was not asked for.")

    def pass_on(self, chunk: bytes) -> list[bytes]:
        """What goes on of this chunk: never an empty one, which would end a chunked answer. An empty one is the end."""
        if not self._is_readable:
            return [chunk] if chunk else []
        passed = b"".join(self._events.close() if not chunk else self._plain(chunk))
        return [passed] if passed else []

    def _plain(self, chunk: bytes) -> Iterator[bytes]:
        if self._decoder is None:
            yield from self._events.feed(chunk)
        elif not self.is_broken:
            try:
                for piece in self._decoder.decode(chunk):
                    yield from self._events.feed(piece)
            except UndecodableContent:
                self.is_broken = True


class _Events:
    """Cuts a stream after each event, in any chunking, and leaves out the extra ones."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._is_line_empty = True
        self._is_after_cr = False
        self._is_passing = False
        self._has_dropped_last = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The bytes that go on."""
        if self._is_after_cr and piece.startswith(b"\n"):
            yield from self._end_of_crlf()
            piece = piece[1:]
        for line in piece.splitlines(keepends=True):
            yield from self._line(line)
        if piece:
            self._is_after_cr = piece.endswith(b"\r")

    def close(self) -> Iterator[bytes]:
        """What was held of an event that the stream did not finish."""
        yield from self._end_event()

    def _end_of_crlf(self) -> Iterator[bytes]:
        """The second half of a line's end whose first half came before: it goes where that went."""
        self._is_after_cr = False
        if self._held:
            self._held += b"\n"
        elif not self._has_dropped_last:
            yield b"\n"

    def _line(self, line: bytes) -> Iterator[bytes]:
        is_ended = line.endswith((b"\n", b"\r"))
        is_blank = is_ended and self._is_line_empty and not line.strip(b"\r\n")
        self._is_line_empty = is_ended
        self._held += line
        if self._is_passing or len(self._held) > MAX_HELD_BYTES:
            self._is_passing, self._has_dropped_last = True, False
            yield bytes(self._held)
            self._held.clear()
        if is_blank:
            yield from self._end_event()

    def _end_event(self) -> Iterator[bytes]:
        event = bytes(self._held)
        self._held.clear()
        self._is_passing = False
        self._has_dropped_last = bool(event) and _is_extra(event)
        if event and not self._has_dropped_last:
            yield event


def _is_extra(event: bytes) -> bool:
    """Whether an event is the chunk that only carries usage. (Azure's first has no choices either, and no usage.)"""
    if b"usage" not in event:
        return False
    parser = SseParser()
    chunks = [mapping(read_json(data)) for data in parser.feed(event) + parser.close()]
    return any(chunk.get("choices") == [] and mapping(chunk.get("usage")) for chunk in chunks)
