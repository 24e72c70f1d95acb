"""The tap on an answer: each chunk goes on as it is, and what it says of usage is noted on the side.

An answer must reach the agent whatever we make of it, so observing runs under a guard that swallows every failure: it
is remembered, told once in the log, and the call is then priced by an estimate.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from app.core.exchange import ResponseFacts
from proxy_addon.content_decoding import decoder_for
from proxy_addon.framing import is_body, parser_by_start, parser_for
from proxy_addon.shapes import ResponseReader

_log = logging.getLogger(__name__)
MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that is no stream and is held until its end, decoded."""


class BodyTooLarge(ValueError):
    """A body that is no stream passed the limit, and is not read."""


class Tap:
    """Watches one answer.

    `first_chunk_at` is the clock's time of the first byte, `bytes_seen` counts them as they came off the wire,
    `is_blind` tells that a part of the answer could not be observed.
    """

    def __init__(
        self,
        reader: ResponseReader,
        *,
        content_type: str,
        content_encoding: str,
        clock: Callable[[], float] = time.monotonic,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.first_chunk_at: float | None = None
        self.bytes_seen = 0
        self.is_blind = False
        self._reader = reader
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._is_finished = False
        self._facts = ResponseFacts()
        self._is_stale = True
        self._events = parser_for(content_type)
        self._is_framed = self._events is not None or is_body(content_type)
        self._body = bytearray()
        self._decoder = decoder_for(content_encoding)
        if self._decoder is None:
            self._turn_blind("an encoding that is not known")

    def tap(self, chunk: bytes) -> bytes:
        """Note the chunk and give back the same one. An empty chunk, the end mark of some servers, changes nothing."""
        try:
            self._observe(chunk)
        except Exception as error:  # noqa: BLE001 - the chunk goes on whatever became of our copy
            self._turn_blind(type(error).__name__)
        return chunk

    def facts(self) -> ResponseFacts:
        """What is known so far. A body that is not a stream tells nothing before its end."""
        if not self._is_stale:
            return self._facts
        self._is_stale = False
        try:
            self._facts = self._reader.facts()
        except Exception as error:  # noqa: BLE001 - as above: the last good facts stay
            self._turn_blind(type(error).__name__)
        return self._facts

    def finish(self) -> ResponseFacts:
        """What is known at the end, however the answer ended. May be called again.

        Where nothing was understood, or not all, the length stands for the output: hardly less than it was, and not 0.
        """
        if not self._is_finished:
            self._is_finished = True
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - as above
                self._turn_blind(type(error).__name__)
        facts = self.facts()
        is_unread = not facts.usage.is_known and not facts.output_bytes
        if is_unread or (self.is_blind and not facts.is_final):
            return replace(facts, output_bytes=max(facts.output_bytes, self.bytes_seen))
        return facts

    def _observe(self, chunk: bytes) -> None:
        if not chunk:
            return
        if self.first_chunk_at is None:
            self.first_chunk_at = self._clock()
        self.bytes_seen += len(chunk)
        if self.is_blind or self._decoder is None:
            return
        for piece in self._decoder.decode(chunk):
            self._take(piece)

    def _take(self, piece: bytes) -> None:
        if not self._is_framed and (start := piece.lstrip()):
            self._events, self._is_framed = parser_by_start(start[0]), True
        if self._events is not None:
            for payload in self._events.feed(piece):
                self._feed(payload)
        elif len(self._body) + len(piece) > self._max_body_bytes:
            raise BodyTooLarge("The body is larger than what is held.")
        else:
            self._body += piece

    def _flush(self) -> None:
        for payload in self._events.close() if self._events is not None else ():
            self._feed(payload)
        if self._body:
            self._feed(bytes(self._body))
        self._body.clear()

    def _feed(self, payload: bytes) -> None:
        self._is_stale = True
        self._reader.feed(payload)

    def _turn_blind(self, reason: str) -> None:
        if not self.is_blind:
            _log.warning("An answer could not be observed: %s. It was passed on unchanged.", reason)
        self.is_blind = True
        self._body.clear()
