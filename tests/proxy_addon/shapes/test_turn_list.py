"""A conversation that is known from earlier requests is read as if it were the first."""

import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call import ApiShape
from proxy_addon.shapes import UnreadableRequest, beginnings, shape_for, turn_list
from proxy_addon.shapes.beginnings import Memory, memory
from proxy_addon.shapes.blocks import Pieces, input_pieces
from proxy_addon.shapes.fields import read_object
from proxy_addon.shapes.turn_list import TurnList, all_turns, backwards, read_turns
from tests.recordings import needs_recordings, recordings

MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo"}}
TURNS: tuple[Any, ...] = (
    {"role": "user", "content": "Hello"},
    {"role": "user", "content": [{"type": "text", "text": "Hello"} | MARK]},
    {"role": "system", "content": "Be quick."},
    {"role": "developer", "content": [{"type": "text", "text": "x-anthropic-billing-header: 1"}]},
    {"role": "user", "content": []},
    {"role": ["user"], "content": []},
    {"role": "user", "content": [IMAGE, {"type": "text", "text": "What is this?"}]},
    {"role": "assistant", "content": {"text": "odd"}},
    {"role": "tool", "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "], [ ,"}]},
    {"type": "additional_tools", "tools": [{"name": "read", "description": "reads"}]},
    {"type": "function_call_output", "call_id": "c", "output": "Exit code: 1\nWall time: 1 seconds\n"},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"cachePoint": {"type": "default"}},
    "text", 1, 11, 1.1, None, [], {"parts": [{"text": "Hi"}]},
)  # fmt: skip
KEYS = {
    ApiShape.ANTHROPIC_MESSAGES: ("/v1/messages", "messages"),
    ApiShape.OPENAI_CHAT: ("/v1/chat/completions", "messages"),
    ApiShape.OPENAI_RESPONSES: ("/v1/responses", "input"),
    ApiShape.GEMINI: ("/v1beta/models/m:generateContent", "contents"),
    ApiShape.BEDROCK_CONVERSE: ("/model/m/converse", "messages"),
}
conversations = st.lists(st.sampled_from(TURNS), max_size=70)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", ":")])


@pytest.fixture(autouse=True)
def _every_list_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_list, "LEAST_BYTES", 0)
    monkeypatch.setattr(beginnings, "_START_BYTES", 1)  # short lists are looked for as long ones are
    _forget()


def _forget() -> None:
    vars(memory).update(vars(Memory()))


def text_of(turns: list[Any], separators: tuple[str, str] = (",", ":")) -> bytes:
    return json.dumps(turns, separators=separators).encode()


def has_text(piece: Any) -> bool:
    return isinstance(piece, dict) and "text" in piece


def taken(turns: Any, system: Any = None) -> Pieces:
    return input_pieces({"system": system, "messages": turns}, ("system", "messages"), has_text)


@given(st.lists(st.tuples(conversations, conversations, separators), max_size=5), st.booleans())
def test_each_list_of_several_is_read_as_if_it_were_the_first(
    requests: list[tuple[list[Any], list[Any], tuple[str, str]]], is_growing: bool
) -> None:
    _forget()
    before: list[Any] = []
    for system, turns, separators in requests:
        turns = before = before + turns if is_growing else turns
        read = read_turns(text_of(turns, separators))
        assert isinstance(read, TurnList)
        assert list(backwards(read)) == turns[::-1]
        assert taken(read, system) == taken(turns, system)
        assert all_turns(read, has_text) == all_turns(turns, has_text)
        assert all_turns(read, bool) == all_turns(turns, bool)


@given(st.sampled_from(list(KEYS)), st.lists(conversations, min_size=1, max_size=4), st.data())
def test_every_dialect_reads_the_same_of_a_known_conversation(
    shape: ApiShape, additions: list[list[Any]], data: st.DataObject
) -> None:
    _forget()
    path, key = KEYS[shape]
    turns: list[Any] = []
    for addition in additions:
        turns = turns[: data.draw(st.integers(0, len(turns)))] + addition
        body = msgspec.json.encode({"model": "m", key: turns})
        known = facts_of(shape, path, body)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(turn_list, "LEAST_BYTES", len(body) + 1)
            assert known == facts_of(shape, path, body)


def facts_of(shape: ApiShape, path: str, body: bytes, headers: Any = None) -> Any:
    try:
        return shape_for(shape).read_request(path, headers or {}, body)
    except UnreadableRequest as error:
        return str(error)


@needs_recordings
def test_recorded_requests_read_the_same_a_second_time_and_as_they_did_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    read = [one for one in recordings() if one.request_body and not one.is_trimmed]
    facts = [[facts_of(one.shape, one.path, one.request_body, one.request_headers) for one in read] for _ in range(2)]
    assert len(memory._beginnings) > 100
    monkeypatch.setattr(turn_list, "LEAST_BYTES", 10**9)
    whole = [facts_of(one.shape, one.path, one.request_body, one.request_headers) for one in read]
    assert facts == [whole, whole]


def test_the_same_turns_after_another_system_prompt_are_others() -> None:
    turns = [{"role": "user", "content": str(number)} for number in range(50)]
    first, second = (taken(read_turns(text_of(turns)), system) for system in ("Be quick.", "Be slow."))
    assert {one.prefix for one in first.blocks}.isdisjoint({one.prefix for one in second.blocks[1:]})
    assert second == taken(turns, "Be slow.")


def test_only_what_is_new_is_looked_at() -> None:
    looked: list[Any] = []
    first = [{"role": "user", "content": str(number)} for number in range(400)]
    all_turns(read_turns(text_of(first)), noting(looked))
    assert len(looked) == 400
    more = [{"role": "assistant", "content": "Well."}, {"role": "user", "content": "On."}]
    all_turns(read_turns(text_of(first + more)), noting(looked))
    assert looked[400:] == more
    all_turns(read_turns(text_of(first + more)), noting(looked))
    assert len(looked) == 402


_NOTED: dict[int, Callable[[Any], bool]] = {}


def noting(into: list[Any]) -> Callable[[Any], bool]:
    """One question, however often it is asked."""

    def note(turn: Any) -> bool:
        into.append(turn)
        return True

    return _NOTED.setdefault(id(into), note)


@pytest.mark.parametrize("changed", range(1, 7))
def test_a_mark_that_was_moved_on_leaves_what_is_before_it_known(changed: int) -> None:
    looked: list[Any] = []
    turns = [{"role": "user", "content": [{"type": "text", "text": str(number)}]} for number in range(60)]
    marked = [*turns[:-changed], {"role": "user", "content": [{"type": "text", "text": "x"} | MARK]}, *turns[-changed:]]
    all_turns(read_turns(text_of(marked)), noting(looked))
    del looked[:]
    all_turns(read_turns(text_of([*turns, "more"])), noting(looked))
    assert looked == [*turns[-changed:], "more"]


def test_a_conversation_that_goes_back_is_read_from_a_place_shortly_before() -> None:
    looked: list[Any] = []
    turns = [{"role": "user", "content": str(number)} for number in range(600)]
    for end in range(500, 600):
        all_turns(read_turns(text_of(turns[:end])), noting(looked))
    del looked[:]
    all_turns(read_turns(text_of([*turns[:450], "another way"])), noting(looked))
    assert looked == [*turns[448:450], "another way"]


def test_nothing_of_what_was_said_is_kept() -> None:
    said = {"role": "user", "content": [{"type": "text", "text": "the secret of the house"}]}
    taken(read_turns(text_of([said] * 100)))
    assert len(memory._beginnings) == 9
    marked = {"functionResponse": {"response": {"headers": {"cache_control": "secret max-age=0"}}}}
    taken(read_turns(text_of([{"parts": [marked | {"cache_control": {"ttl": "secret"}, "cachePoint": "secret"}]}, 1])))
    assert b"secret" not in pickle.dumps([*map(_held_by, memory._beginnings.values()), memory._ends])


def _held_by(one: beginnings.Beginning) -> list[Any]:
    return [getattr(one, name) for name in one.__slots__ if name != "told"] + [found for found, _ in one.told.values()]


def test_what_is_kept_has_a_bound_and_is_what_was_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginnings, "PIECES_KEPT", 100)
    for number in range(30):
        taken(read_turns(text_of([{"role": "user", "content": str(number)}] * 3)))
        kept = memory._beginnings.values()
        assert sum(one.pieces for one in kept) == memory._pieces <= 100
    assert read_turns(text_of([{"role": "user", "content": "29"}] * 3))._known is not None
    assert read_turns(text_of([{"role": "user", "content": "0"}] * 3))._known is None


def test_many_lists_are_forgotten_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginnings, "BEGINNINGS_KEPT", 10)
    for number in range(100):
        read_turns(text_of([number, "x"]))
        read_turns(text_of(["x", *range(number)]))
    assert len(memory._beginnings) <= 10
    assert len(memory._ends) <= 10
    assert sum(sum(ends.values()) for ends in memory._ends.values()) == len(memory._beginnings)


def test_a_number_that_goes_on_is_another() -> None:
    for last in (1, 12, 1.5, 1e30):
        assert list(backwards(read_turns(text_of(["x", last])))) == [last, "x"]


def test_of_very_many_turns_few_beginnings_are_kept() -> None:
    many = ["x"] * 50_000
    read = read_turns(text_of(many))
    taken(read)
    assert len(read._beginnings) <= turn_list._LASTING_KEPT + turn_list._LAST_KEPT
    assert max(len(one.ends) for one in memory._beginnings.values()) == turn_list._ENDS_TOLD
    for number in range(60):
        read = read_turns(text_of(many + [number] * 70))
    assert len(memory._beginnings[read._known.digest].earlier) <= beginnings._LASTING_KEPT


def test_what_was_found_behind_other_frames_is_forgotten() -> None:
    text = text_of([{"cachePoint": {"type": "default"}}] * 30)
    for number in range(100):
        taken(read_turns(text), system=f"It is {number} o'clock.")
    assert max(len(one.told) for one in memory._beginnings.values()) == beginnings._ANSWERS_KEPT
    assert memory._pieces == sum(one.pieces for one in memory._beginnings.values())


def test_what_takes_too_much_is_not_kept_and_drives_out_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginnings, "PIECES_KEPT", 400)
    small, large = ([{"role": "user", "content": text}] * number for text, number in (("s", 5), ("l", 300)))
    for turns in (small, large, large):
        assert taken(read_turns(text_of(turns))) == taken(turns)
    assert read_turns(text_of([*small, "more"]))._known is not None


def test_a_half_character_makes_no_conversation_unknown() -> None:
    looked: list[Any] = []
    turns = [{"role": "user", "content": "cut \ud83d here"}, *({"role": "user", "content": str(n)} for n in range(40))]
    for length in range(30, 40):
        body = msgspec.json.encode({"model": "m"})[:-1] + b',"messages":' + text_of(turns[:length]) + b"}"
        read = read_object(body, readers={"messages": read_turns})["messages"]
        all_turns(read, noting(looked))
    assert len(looked) == 39
    assert looked[0]["content"] == "cut \ufffd here"


@pytest.mark.parametrize("text", [b"[", b"[1,]", b'["\xff"]', b"[1e999]", b"[1 2]", b"[" * 100_000, b'["\\ud83d"]'])
def test_what_is_no_list_is_refused_before_and_after_it_could_be_known(text: bytes) -> None:
    for _ in range(2):
        with pytest.raises((msgspec.MsgspecError, ValueError, RecursionError)):
            TurnList(text)
    assert not memory._beginnings


def test_a_bad_turn_after_known_ones_is_refused() -> None:
    TurnList(b'["good","so far"]')
    with pytest.raises(ValueError, match="utf-8"):
        TurnList(b'["good","so far","\xff"]')
