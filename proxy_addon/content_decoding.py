"""Compressed bodies read as they pass, in pieces, with a limit: a small answer may unfold to a thousand times its size.

A decoder gives out pieces of at most `PIECE_BYTES` at a time (zstd: a few blocks; what is not packed goes on as it
came), and stops where the whole passes `max_bytes` or unfolds further than text does.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

PIECE_BYTES = 64 * 1024
MAX_BYTES = 1024 * 1024 * 1024
"""Of one answer. A stream is not held, so this only ends what never ends."""
_FREE_BYTES = 1024 * 1024
_MAX_RATIO = 100
"""JSON and event streams seen fold to a twentieth at most; a bomb folds a thousandfold."""
_SLICE_BYTES = 4096
"""What is taken at a time, so that a bomb is known by its first bytes, however many come with them."""
_ZSTD_SLICE = 64
"""A zstd block of a few bytes can stand for 128 kB, and the decoder has no limit of its own: it is fed in slices."""
_ZSTD_WINDOW = 8 * 1024 * 1024
"""The largest window that HTTP allows (RFC 9659)."""
_PLAIN = ("", "identity")
_LARGE_BROTLI_WINDOWS = (0b1101, 0b1111)
"""How streams with windows of 8 and 16 MB begin (RFC 7932, section 9.1). A decoder holds as much; servers use 4 MB, the
library's default, or less."""


class UndecodableContent(ValueError):
    """The bytes are not what the header says, or unfold beyond all sense."""


class Decoder(Protocol):
    """Bytes as they come off the wire in, the bytes they stand for out."""

    def decode(self, data: bytes) -> Iterable[bytes]:
        """Pieces of the body. Raises UndecodableContent, and is of no use after that."""


def decoder_for(content_encoding: str, max_bytes: int = MAX_BYTES) -> Decoder | None:
    """A decoder for the value of a Content-Encoding header; None for one that is not known, or for several."""
    encoding = content_encoding.strip().lower()
    if encoding in _PLAIN:
        return _Unpacked(max_bytes)
    inflate = _CODECS.get(encoding)
    return None if inflate is None else _Limited(inflate(), max_bytes)


class _Unpacked:
    """What is in no encoding: each piece as it came, up to the limit."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def decode(self, data: bytes) -> Iterable[bytes]:
        self._left -= len(data)
        if self._left < 0:
            raise UndecodableContent("The body unfolds beyond the limit.")
        return (data,) if data else ()


class _Limited:
    """Holds a codec to the byte and ratio limits."""

    def __init__(self, inflate: Callable[[bytes], Iterator[bytes]], max_bytes: int) -> None:
        self._inflate = inflate
        self._max_bytes = max_bytes
        self._taken = 0
        self._given = 0

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(data), _SLICE_BYTES):
                yield from self._decode(data[start : start + _SLICE_BYTES])
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise UndecodableContent("The body is not in the encoding that its header names.") from error

    def _decode(self, part: bytes) -> Iterator[bytes]:
        self._taken += len(part)
        for piece in self._inflate(part):
            self._given += len(piece)
            if self._given > min(self._max_bytes, _FREE_BYTES + _MAX_RATIO * self._taken):
                raise UndecodableContent("The body unfolds beyond the limit.")
            yield piece


def _zlib(open_member: Callable[[bytes], "zlib._Decompress"]) -> Callable[[], Callable[[bytes], Iterator[bytes]]]:
    """One member after another, as gzip allows."""

    def build() -> Callable[[bytes], Iterator[bytes]]:
        member: zlib._Decompress | None = None

        def inflate(data: bytes) -> Iterator[bytes]:
            nonlocal member
            while data:
                if member is None or member.eof:
                    member = open_member(data)
                yield member.decompress(data, PIECE_BYTES)
                data = member.unused_data if member.eof else member.unconsumed_tail

        return inflate

    return build


def _open_gzip(_start: bytes) -> "zlib._Decompress":
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _open_deflate(start: bytes) -> "zlib._Decompress":
    """`deflate` is to have a zlib header (its low four bits are 8); some send the bare stream."""
    return zlib.decompressobj(zlib.MAX_WBITS if start[0] & 0x0F == 8 else -zlib.MAX_WBITS)


def _brotli() -> Callable[[bytes], Iterator[bytes]]:
    member = brotli.Decompressor()
    is_begun = False

    def inflate(data: bytes) -> Iterator[bytes]:
        nonlocal is_begun
        if not is_begun and data[0] & 0x0F in _LARGE_BROTLI_WINDOWS:
            raise UndecodableContent("The body needs more memory than it is worth.")
        is_begun = True
        yield member.process(data, output_buffer_limit=PIECE_BYTES)
        while not member.can_accept_more_data():
            yield member.process(b"", output_buffer_limit=PIECE_BYTES)

    return inflate


def _zstd() -> Callable[[bytes], Iterator[bytes]]:
    member = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj(read_across_frames=True)

    def inflate(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_SLICE):
            yield member.decompress(data[start : start + _ZSTD_SLICE])

    return inflate


_CODECS: dict[str, Callable[[], Callable[[bytes], Iterator[bytes]]]] = {
    "gzip": _zlib(_open_gzip),
    "x-gzip": _zlib(_open_gzip),
    "deflate": _zlib(_open_deflate),
    "br": _brotli,
    "zstd": _zstd,
}
