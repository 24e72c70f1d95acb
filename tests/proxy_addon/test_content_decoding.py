"""Compressed bodies: any chunking, several members, bombs, rubbish."""

import gzip
import tracemalloc
import zlib
from collections import deque
from collections.abc import Callable
from itertools import repeat

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.content_decoding import UndecodableContent, decoder_for

BODY = b'{"usage": {"prompt_tokens": 12}}' * 50


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "": bytes,
}


def unpack(encoding: str, *chunks: bytes) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    return b"".join(piece for chunk in chunks for piece in decoder.decode(chunk))


@pytest.mark.parametrize("encoding", list(PACKERS))
@given(data=st.data())
def test_a_body_in_any_chunking_is_unfolded(encoding: str, data: st.DataObject) -> None:
    packed = PACKERS[encoding](BODY)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=10)))
    chunks = [packed[start:end] for start, end in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    assert unpack(encoding, *chunks) == BODY


def test_bare_deflate_is_read_as_well() -> None:
    assert unpack("deflate", raw_deflate(BODY)) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_members_one_after_another_are_one_body(encoding: str) -> None:
    assert unpack(encoding, PACKERS[encoding](b"one") + PACKERS[encoding](b"two")) == b"onetwo"


@pytest.mark.parametrize("encoding", ["snappy", "gzip, br", "utf-8"])
def test_an_encoding_that_is_not_known_has_no_decoder(encoding: str) -> None:
    assert decoder_for(encoding) is None


def test_names_are_read_in_any_case() -> None:
    assert unpack(" GZIP ", gzip.compress(BODY)) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_rubbish_is_told_as_such(encoding: str) -> None:
    with pytest.raises(UndecodableContent):
        unpack(encoding, b"\x08this is no such thing" * 40)


def bomb(encoding: str) -> bytes:
    """A gigabyte of nothing. Brotli knows no members, so it is packed piece by piece."""
    if encoding == "br":
        presser = brotli.Compressor(quality=1)
        return b"".join([*map(presser.process, repeat(bytes(1 << 20), 1024)), presser.finish()])
    return PACKERS[encoding](bytes(1 << 26)) * 16


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_bomb_is_left_before_it_takes_memory(encoding: str) -> None:
    packed, decoder = bomb(encoding), decoder_for(encoding)
    assert decoder is not None
    tracemalloc.start()
    try:
        with pytest.raises(UndecodableContent):
            deque(decoder.decode(packed), maxlen=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_a_body_without_end_is_left_at_the_limit() -> None:
    decoder = decoder_for("identity", max_bytes=100)
    assert decoder is not None
    with pytest.raises(UndecodableContent):
        list(decoder.decode(bytes(101)))
