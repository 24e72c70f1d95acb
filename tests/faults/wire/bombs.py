"""A gibibyte of nothing in some hundred kilobytes, made in a blink: pieces that repeat."""

import struct
import zlib
from functools import cache

import brotli  # type: ignore[import-untyped]
import zstandard

GIBIBYTE = 1024**3
_PIECE = bytes(1024**2)
_PIECES = GIBIBYTE // len(_PIECE)


@cache
def bomb(encoding: str) -> bytes:
    """A body in that encoding which unfolds to a gibibyte."""
    return _MAKERS[encoding]()


def _flushed(wbits: int) -> bytes:
    """One stream: its pieces begin anew with each, so that all but the first are the same."""
    packer = zlib.compressobj(9, wbits=wbits)
    first = packer.compress(_PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(_PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (_PIECES - 1) + packer.flush()


def _members() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return (packer.compress(_PIECE) + packer.flush()) * _PIECES


def _brotli(window_bits: int) -> bytes:
    packer = brotli.Compressor(quality=1, lgwin=window_bits)
    return b"".join(packer.process(_PIECE) for _ in range(_PIECES)) + bytes(packer.finish())


def _zstd_frames() -> bytes:
    return bytes(zstandard.compress(_PIECE, 19)) * _PIECES


def _zstd_blocks() -> bytes:
    """One frame of blocks that each say: this byte, 128 kB long (RFC 8878, section 3.1.1.2)."""
    size = 128 * 1024
    block = struct.pack("<I", size << 3 | 1 << 1)[:3] + b"\0"
    last = struct.pack("<I", size << 3 | 1 << 1 | 1)[:3] + b"\0"
    head = bytes.fromhex("28b52ffd") + bytes([0b000_00_000, 0b0_1100_000 & 0x7F])
    return head + block * (GIBIBYTE // size - 1) + last


_MAKERS = {
    "gzip": lambda: _flushed(31),
    "gzip, a thousand members": _members,
    "deflate": lambda: _flushed(15),
    "deflate, bare": lambda: _flushed(-15),
    "br": lambda: _brotli(22),
    "br, the largest window": lambda: _brotli(24),
    "zstd": _zstd_blocks,
    "zstd, a thousand frames": _zstd_frames,
}
BOMBS = tuple(_MAKERS)
