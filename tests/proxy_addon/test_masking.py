import gzip
import itertools
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.masking import KeyMask, MaskedStream, SentKeys

KEY = "sk-ant-api03-CANARY-canary-CANARY"
STARS = b"*" * len(KEY)
REPEATING = "abababababababab"
"""A key that begins anew inside itself, which is where a careless search goes wrong."""


def uncut() -> None:
    raise AssertionError("an answer without the key was broken off")


def through(chunks: list[bytes], key: str = KEY, encoding: str = "") -> list[bytes]:
    """The pieces that go on of these chunks, and of the end."""
    stream = MaskedStream(KeyMask(key), None, encoding, uncut)
    return [piece for chunk in [*chunks, b""] for piece in stream.stream(chunk)]


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def texts(key: str) -> st.SearchStrategy[bytes]:
    """Bytes in which the key and pieces of it stand more often than chance would have it."""
    whole = key.encode()
    parts = st.one_of(
        st.just(whole),
        st.integers(1, len(whole) - 1).map(lambda length: whole[:length]),
        st.integers(1, len(whole) - 1).map(lambda length: whole[length:]),
        st.binary(max_size=8),
    )
    return st.lists(parts, max_size=12).map(b"".join)


@pytest.mark.parametrize("key", [KEY, REPEATING])
@given(data=st.data())
def test_whatever_the_chunks_only_the_key_is_replaced(key: str, data: st.DataObject) -> None:
    said = data.draw(texts(key))
    chunks = cut_at(said, data.draw(st.lists(st.integers(0, 1000), max_size=12)))
    heard = through(chunks, key)
    assert b"".join(heard) == said.replace(key.encode(), b"*" * len(key))
    assert all(heard), "an empty piece would end a chunked answer"


@given(data=st.data())
def test_nothing_is_held_back_but_what_may_begin_the_key(data: st.DataObject) -> None:
    said = data.draw(texts(KEY))
    stream, given_in, heard = MaskedStream(KeyMask(KEY), None, "", uncut), b"", 0
    for chunk in cut_at(said, data.draw(st.lists(st.integers(0, 1000), max_size=12))):
        given_in += chunk
        heard += sum(map(len, stream.stream(chunk)))
        held = given_in[heard:]
        assert len(held) < len(KEY)
        assert KEY.encode().startswith(held)


def test_an_event_goes_on_at_once_and_as_the_very_same_bytes() -> None:
    stream = MaskedStream(KeyMask(KEY), None, "", uncut)
    event = b'data: {"type":"content_block_delta","delta":{"text":"sk"}}\n\n'
    assert stream.stream(event)[0] is event


@pytest.mark.parametrize("place", range(1, len(KEY)))
def test_a_key_split_over_two_chunks_is_masked(place: int) -> None:
    key = KEY.encode()
    assert b"".join(through([b'{"got":"' + key[:place], key[place:] + b'"}'])) == b'{"got":"' + STARS + b'"}'


def test_a_beginning_that_turns_out_harmless_goes_on() -> None:
    assert through([b"sk-ant-", b"hill"]) == [b"sk-ant-hill"]
    assert through([b"sk-ant-api03-"]) == [b"sk-ant-api03-"]


def test_a_key_is_masked_as_json_and_a_url_write_it_too() -> None:
    key = 'AIza/odd+key="quoted"'
    for written in (key, json.dumps(key)[1:-1], quote(key, safe="")):
        said = f'{{"got": "{written}"}}'.encode()
        for place in range(len(said)):
            heard = b"".join(through([said[:place], said[place:]], key))
            assert heard == said.replace(written.encode(), b"*" * len(written))


def test_a_short_key_masks_nothing() -> None:
    assert through([b"none of this"], "none") == [b"none of this"]
    assert KeyMask("").whole(b"x") == b"x"


def test_what_the_inner_function_makes_of_a_chunk_is_masked() -> None:
    stream = MaskedStream(KeyMask(KEY), lambda chunk: [chunk, KEY.encode()], "", uncut)
    assert stream.stream(b"a") == [b"a" + STARS]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_compressed_answer_that_holds_the_key_is_broken_off(encoding: str, size: int) -> None:
    cuts: list[bool] = []
    packed = PACKERS[encoding](f"you sent {KEY}, thank you".encode())
    stream = MaskedStream(KeyMask(KEY), None, encoding, lambda: cuts.append(True))
    heard = b""
    for start in range(0, len(packed), size):
        heard += b"".join(stream.stream(packed[start : start + size]))
    heard += b"".join(stream.stream(b""))
    assert cuts == [True]
    assert heard != packed
    if encoding != "zstd":  # its frames cannot be read in part
        seen = zlib.decompressobj(47).decompress(heard)
        assert KEY.encode()[:8] not in seen, "the beginning of the key got out"


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_compressed_answer_without_it_is_the_same_bytes(encoding: str) -> None:
    packed = PACKERS[encoding](b"sk-ant-api03-CANARY is where it begins and no more " * 50)
    assert b"".join(through([packed[:9], packed[9:]], encoding=encoding)) == packed
    broken = b"\x00\x01 no such thing"
    assert b"".join(through([broken], encoding=encoding)) == broken


def test_a_whole_body_is_looked_into() -> None:
    mask = KeyMask(KEY)
    assert mask.seen_by(gzip.compress(KEY.encode()), "gzip")
    assert not mask.seen_by(gzip.compress(b"nothing"), "gzip")
    assert not mask.seen_by(b"not gzip", "gzip")
    assert not mask.seen_by(b"", "compress")


def test_every_key_that_was_sent_is_taken_out_of_an_error() -> None:
    keys = SentKeys()
    keys.mask_of(KEY)
    keys.mask_of("another-key-of-theirs")
    told = keys.masked(f"Bad line: {KEY} and another-key-of-theirs, “quoted”")
    assert told == f"Bad line: {'*' * len(KEY)} and {'*' * 21}, “quoted”"
