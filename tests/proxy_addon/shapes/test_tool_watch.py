"""Tool calls as they come: whole or in pieces, the same call has the same hash."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.tool_call import ToolUse
from proxy_addon.shapes import shape_for
from proxy_addon.shapes.tool_watch import CANONICAL_BYTES, MAX_USES, Arguments, ToolWatch, digest_of

ASKED = RequestFacts(model="m", is_stream=True, body_bytes=1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=5)


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


@given(OBJECTS, st.lists(st.integers(0, 10_000), max_size=6), st.sampled_from([None, 1, 4]))
def test_a_hash_does_not_change_with_pieces_spaces_or_the_order_of_keys(
    value: dict[str, Any], cuts: list[int], indent: int | None
) -> None:
    fed = Arguments()
    for piece in pieces(json.dumps(dict(reversed(value.items())), indent=indent), cuts):
        fed.feed(piece)
    assert fed.digest() == digest_of(value)[0] == digest_of(json.dumps(value, ensure_ascii=False))[0]


@given(OBJECTS, OBJECTS)
def test_other_arguments_have_another_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one)[0] == digest_of(other)[0]) == is_same


@given(st.text(max_size=200), st.lists(st.integers(0, 300), max_size=5))
def test_what_is_no_json_is_hashed_as_it_is(text: str, cuts: list[int]) -> None:
    fed = Arguments()
    for piece in pieces(text, cuts):
        fed.feed(piece)
    assert (fed.digest(), fed.size) == digest_of(text)
    assert fed.size == len(text.encode())


def test_long_arguments_are_hashed_without_being_held() -> None:
    fed = Arguments()
    for _ in range(200):
        fed.feed("x" * 1_000)
    assert fed.size == 200_000
    assert len(fed._held) <= CANONICAL_BYTES
    assert fed.digest() == digest_of("x" * 200_000)[0]


@pytest.mark.parametrize("value", [2**70, "\ud800", {"a": "\udfff"}, None, "", "{", '{"a": 1e999}'])
def test_odd_arguments_have_a_hash(value: object) -> None:
    assert len(digest_of(value)[0]) == 32


def test_no_arguments_are_an_empty_object() -> None:
    assert digest_of(None)[0] == digest_of("")[0] == digest_of({})[0] == digest_of(" {} ")[0]


def test_a_call_that_broke_off_does_not_count() -> None:
    watch = ToolWatch()
    watch.begin(0, "Bash", "1")
    watch.grow(0, '{"comm')
    assert not watch.uses
    watch.end(0)
    assert [use.name for use in watch.uses] == ["Bash"]


def test_no_answer_makes_the_watch_grow_without_end() -> None:
    watch = ToolWatch()
    for number in range(MAX_USES * 2):
        watch.begin(number, "Bash", str(number))
        watch.grow(number, "{}")
    watch.end_all()
    for number in range(MAX_USES * 2):
        watch.add("Read", f"r{number}", {})
    assert len(watch.uses) == MAX_USES


def read(shape: ApiShape, *payloads: object) -> ResponseFacts:
    reader = shape_for(shape).reader(ASKED)
    for payload in payloads:
        reader.feed(payload if isinstance(payload, bytes) else msgspec.json.encode(payload))
    return reader.facts()


def brief(uses: tuple[ToolUse, ...]) -> list[tuple[str, str, bytes]]:
    return [(use.name, use.provider_id, use.digest) for use in uses]


def call(name: str, mark: str, arguments: object) -> tuple[str, str, bytes]:
    return name, mark, digest_of(arguments)[0]


def chunk(*calls: object, finish: str | None = None, index: int = 0) -> dict[str, object]:
    return {"choices": [{"index": index, "delta": {"tool_calls": list(calls)}, "finish_reason": finish}]}


def test_chat_servers_that_give_all_calls_one_index() -> None:
    def whole(mark: str, city: str) -> dict[str, object]:
        return {"index": 0, "id": mark, "function": {"name": "weather", "arguments": json.dumps({"city": city})}}

    facts = read(ApiShape.OPENAI_CHAT, chunk(whole("a", "Bern"), whole("b", "Rome")), chunk(finish="tool_calls"))
    assert brief(facts.tool_uses) == [call("weather", "a", {"city": "Bern"}), call("weather", "b", {"city": "Rome"})]


def test_chat_pieces_that_come_by_turns() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "read", "arguments": ""}}
    second = {"index": 1, "id": "b", "function": {"name": "write", "arguments": '{"n"'}}
    more = [{"index": 0, "function": {"arguments": '{"n": 1}'}}, {"index": 1, "function": {"arguments": ": 2}"}}]
    facts = read(ApiShape.OPENAI_CHAT, chunk(first), chunk(second), chunk(*more), chunk(finish="tool_calls"))
    assert brief(facts.tool_uses) == [call("read", "a", {"n": 1}), call("write", "b", {"n": 2})]


def test_a_chat_stream_whose_choices_never_finish_ends_with_done() -> None:
    begun = chunk({"index": 0, "id": "a", "function": {"name": "read", "arguments": "{}"}})
    assert read(ApiShape.OPENAI_CHAT, begun).tool_uses == ()
    assert brief(read(ApiShape.OPENAI_CHAT, begun, b"[DONE]").tool_uses) == [call("read", "a", {})]


def test_a_chat_function_call_of_old_and_a_custom_tool() -> None:
    said = {"function_call": {"name": "read", "arguments": '{"n":1}'}}
    custom = {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}]}
    assert brief(read(ApiShape.OPENAI_CHAT, {"choices": [{"message": said}]}).tool_uses) == [call("read", "", {"n": 1})]
    assert brief(read(ApiShape.OPENAI_CHAT, {"choices": [{"message": custom}]}).tool_uses) == [
        call("patch", "c", "*** Begin")
    ]


def test_responses_tell_an_item_twice_and_it_counts_once() -> None:
    item = {"type": "function_call", "id": "fc", "call_id": "c", "name": "read", "arguments": '{"n":1}'}
    done = {"type": "response.output_item.done", "item": item}
    end = {"type": "response.completed", "response": {"status": "completed", "output": [item]}}
    assert brief(read(ApiShape.OPENAI_RESPONSES, done, end).tool_uses) == [call("read", "c", {"n": 1})]
    assert brief(read(ApiShape.OPENAI_RESPONSES, end).tool_uses) == [call("read", "c", {"n": 1})]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "custom_tool_call", "name": "exec", "input": "ls"}, ("exec", "c", "ls")),
        ({"type": "local_shell_call", "action": {"command": ["ls"]}}, ("local_shell", "c", {"command": ["ls"]})),
        ({"type": "apply_patch_call", "operation": {"path": "f"}}, ("apply_patch", "c", {"path": "f"})),
        (
            {"type": "function_call", "namespace": "mcp__git__", "name": "log", "arguments": "{}"},
            ("mcp__git__log", "c", {}),
        ),
        ({"type": "custom_tool_call", "namespace": "functions", "name": "exec", "input": "ls"}, ("exec", "c", "ls")),
        ({"type": "function_call", "namespace": "files", "name": "log", "arguments": "{}"}, ("files.log", "c", {})),
    ],
)
def test_kinds_of_items_that_an_agent_runs(item: dict[str, object], expected: tuple[str, str, object]) -> None:
    facts = read(ApiShape.OPENAI_RESPONSES, {"type": "response.output_item.done", "item": item | {"call_id": "c"}})
    assert brief(facts.tool_uses) == [call(*expected)]
    assert not facts.tool_uses[0].is_hosted
    assert facts.tool_results == ()


def test_an_mcp_call_that_openai_makes_itself() -> None:
    item = {"type": "mcp_call", "id": "mcp_1", "server_label": "git", "name": "log", "arguments": "{}", "output": "abc"}
    fine, bad = (
        read(ApiShape.OPENAI_RESPONSES, _done(item)),
        read(ApiShape.OPENAI_RESPONSES, _done(item | {"error": "no"})),
    )
    assert [(use.name, use.server, use.is_hosted) for use in fine.tool_uses] == [("log", "git", True)]
    assert [(one.provider_id, one.outcome, one.result_bytes) for one in fine.tool_results] == [
        ("mcp_1", "succeeded", 3)
    ]
    assert [one.outcome for one in bad.tool_results] == ["failed"]


def _done(item: dict[str, Any]) -> dict[str, object]:
    return {"type": "response.output_item.done", "item": item}


def test_gemini_arguments_in_pieces() -> None:
    def part(**said: object) -> dict[str, object]:
        return {"candidates": [{"content": {"parts": [{"functionCall": said}]}}]}

    first = part(name="write", willContinue=True, partialArgs=[{"jsonPath": "$.text", "stringValue": "a"}])
    more = part(partialArgs=[{"jsonPath": "$.text", "stringValue": "b"}], willContinue=True)
    assert read(ApiShape.GEMINI, first, more).tool_uses == ()
    [whole] = read(ApiShape.GEMINI, first, more, part()).tool_uses
    [other] = read(ApiShape.GEMINI, first, part()).tool_uses
    assert whole.name == other.name == "write"
    assert whole.digest != other.digest


def test_interactions_whole_and_in_pieces() -> None:
    step = {"type": "function_call", "id": "c", "name": "read", "arguments": {"n": 1}}
    whole = {"object": "interaction", "status": "requires_action", "steps": [step]}
    begun = {"event_type": "step.start", "index": 1, "step": {**step, "arguments": {}}}
    grown = [
        {"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": piece}}
        for piece in ('{"n"', ": 1}")
    ]
    stop = {"event_type": "step.stop", "index": 1}
    end = {"event_type": "interaction.completed", "interaction": whole}
    for facts in (
        read(ApiShape.GEMINI_INTERACTIONS, whole),
        read(ApiShape.GEMINI_INTERACTIONS, begun, *grown, stop, end),
    ):
        assert brief(facts.tool_uses) == [call("read", "c", {"n": 1})]


def test_interactions_that_google_runs() -> None:
    steps = [
        {"type": "code_execution_call", "id": "x", "arguments": {"code": "1/0"}},
        {"type": "code_execution_result", "call_id": "x", "is_error": True, "result": "ZeroDivisionError"},
        {"type": "mcp_server_tool_call", "id": "m", "name": "log", "server_name": "git", "arguments": {}},
        {"type": "mcp_server_tool_result", "call_id": "m", "result": "abc"},
    ]
    facts = read(ApiShape.GEMINI_INTERACTIONS, {"object": "interaction", "steps": steps})
    assert [(use.name, use.server, use.is_hosted) for use in facts.tool_uses] == [
        ("code_execution", "", True),
        ("log", "git", True),
    ]
    assert [(one.provider_id, one.outcome) for one in facts.tool_results] == [("x", "failed"), ("m", "succeeded")]


def test_an_anthropic_start_that_holds_all_the_arguments() -> None:
    block = {"type": "tool_use", "id": "t", "name": "read", "input": {"n": 1}}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
    ]
    assert brief(read(ApiShape.ANTHROPIC_MESSAGES, *events).tool_uses) == [call("read", "t", {"n": 1})]


@pytest.mark.parametrize("shape", list(ApiShape))
@given(payload=st.binary(max_size=60) | VALUES.map(msgspec.json.encode))
def test_nothing_that_comes_makes_a_reader_fail(shape: ApiShape, payload: bytes) -> None:
    assert read(shape, payload).tool_uses == ()
