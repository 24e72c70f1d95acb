"""What is remembered of the turns of earlier requests changes nothing that is read of a later one."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.shapes import shape_for, turns
from proxy_addon.shapes.blocks import Pieces, input_pieces
from tests.recordings import recordings

MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo"}}
TURNS: tuple[Any, ...] = (
    {"role": "user", "content": "Hello"},
    {"role": "user", "content": [{"type": "text", "text": "Hello"} | MARK]},
    {"role": "system", "content": "Be quick."},
    {"role": "developer", "content": [{"type": "text", "text": "x-anthropic-billing-header: 1"}]},
    {"role": "user", "content": []},
    {"role": "user", "content": [IMAGE, {"type": "text", "text": "What is this?"}]},
    {"role": "assistant", "content": {"text": "odd"}},
    {"type": "additional_tools", "tools": [{"name": "read", "description": "reads"}]},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"cachePoint": {"type": "default"}},
    "text", 7, None, {"parts": [{"text": "Hi"}]},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    turns._kept.clear()


def taken(messages: Any, system: Any = None) -> Pieces:
    return input_pieces({"system": system, "messages": messages}, ("system", "messages"), _has_text)


def _has_text(piece: Any) -> bool:
    return isinstance(piece, dict) and "text" in piece


@given(st.lists(st.tuples(st.lists(st.sampled_from(TURNS)), st.lists(st.sampled_from(TURNS))), max_size=4))
def test_a_request_is_taken_apart_as_if_it_were_the_first(requests: list[tuple[list[Any], list[Any]]]) -> None:
    known = [taken(messages, system) for system, messages in requests]
    for (system, messages), before in zip(requests, known, strict=True):
        turns._kept.clear()
        assert taken(messages, system) == before


def test_recorded_requests_read_the_same_a_second_time() -> None:
    read = [recording for recording in recordings() if recording.request_body and not recording.is_trimmed]
    facts = [[_facts_of(recording) for recording in read] for _ in range(2)]
    assert facts[0] == facts[1]
    assert len(turns._kept) > 100


def _facts_of(recording: Any) -> Any:
    try:
        shape = shape_for(recording.shape)
        return shape.read_request(recording.path, recording.request_headers, recording.request_body)
    except ValueError as error:
        return str(error)


def test_the_same_turn_in_another_place_is_another() -> None:
    parts = taken([TURNS[0]] * 4).parts
    assert [part.turn for part in parts] == [1, 2, 3, 4]
    assert taken([TURNS[0]] * 4, system=[TURNS[0]] * 2).parts[2:] == parts


def test_nothing_of_what_was_said_is_kept() -> None:
    said = {"role": "user", "content": [{"type": "text", "text": "the secret of the house"}]}
    taken([said, said, said])
    assert len(turns._kept) == 2
    assert b"secret" not in pickle.dumps(turns._kept)


def test_what_is_kept_has_a_bound_and_is_what_was_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURNS_KEPT", 3)
    first, other = ([{"role": "user", "content": text}] * 3 for text in ("a", "b"))
    taken(first)
    used = set(turns._kept)
    taken(other)
    assert len(turns._kept) == 3
    assert len(used & set(turns._kept)) == 1
    taken(other)
    assert len(turns._kept) == 3
