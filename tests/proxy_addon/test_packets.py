"""Values over a socket, in whatever pieces they come."""

import socket
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DiskFull, LedgerError
from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.ending import Ending
from proxy_addon.holders import HolderChanged
from proxy_addon.packets import Packet, Unpacker, packed, received
from tests.ledger.bookkeeping import make_draft
from tests.proxy_addon.shapes.test_recordings import answer_of, facts_of, turns_of
from tests.recordings import needs_recordings, recorded_sockets, recordings

VALUES = st.lists(st.one_of(st.integers(), st.text(), st.binary(max_size=3_000), st.tuples(st.text(), st.booleans())))


@given(VALUES, st.lists(st.integers(0, 20_000)))
def test_values_come_whole_and_in_order_however_they_are_cut(values: list[object], cuts: list[int]) -> None:
    stream = b"".join(packed(value) for value in values)
    unpacker, found = Unpacker(), []
    at = 0
    for end in [*sorted(cuts), len(stream)]:
        found += [packet.value for packet in unpacker.feed(stream[at:end])]
        at = max(at, min(end, len(stream)))
    assert found == values


def test_one_is_taken_and_nothing_of_what_follows_it() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(packed("first") + packed("second", 7))
        assert received(here) == "first"
        assert Unpacker().feed(here.recv(100)) == [Packet("second", 7)]
        there.close()
        assert received(here) is None


def test_what_the_meter_and_its_writer_say_is_the_same_afterwards() -> None:
    draft = make_draft(60)
    assert Unpacker().feed(packed((draft, datetime.now(UTC).replace(microsecond=5))))[0].value[0] == draft


@pytest.mark.parametrize("kind", [LedgerError, DiskFull, HolderChanged])
def test_an_error_for_people_keeps_its_kind_and_its_words(kind: type[LedgerError]) -> None:
    (packet,) = Unpacker().feed(packed(kind("The disk is full", "Make room.")))
    error = packet.value
    assert (type(error), error.title, error.message, str(error)) == (
        kind, "The disk is full", "Make room.", "The disk is full. Make room.",
    )  # fmt: skip


@needs_recordings
def test_how_each_recorded_exchange_ends_is_the_same_to_its_writer() -> None:
    told = [(facts_of(one), answer_of(one)) for one in recordings()]
    told += [
        (turn.request or RequestFacts("", True, 0), turn.answer) for one in recorded_sockets() for turn in turns_of(one)
    ]
    assert len(told) > 2_700
    unpacker = Unpacker()
    for facts, answer in told:
        ending = _ending(facts, answer)
        (packet,) = unpacker.feed(packed(ending))
        assert packet.value == ending
        assert repr(packet.value) == repr(ending)  # a word of a StrEnum equals its text


def _ending(facts: RequestFacts, answer: ResponseFacts) -> Ending:
    return Ending(
        draft=make_draft(60), facts=facts, answer=answer, host="api.example", status_code=200, is_whole=True,
        is_sure=True, error_type="", duration_ms=7, time_to_first_chunk_ms=None,
        ended_at=datetime.now(UTC).replace(microsecond=5), user_agent="test", account=b"hash", is_looked_at=True,
    )  # fmt: skip
