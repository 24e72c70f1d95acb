"""What makes a request an extension of an earlier one, and what is measured of it."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import Block, RequestFacts
from proxy_addon.shapes import shape_for

PIXELS = "iVBORw0KGgo" * 400
SYSTEM: dict[str, Any] = {"type": "text", "text": "You are a careful engineer."}
HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
ANSWER: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": "Hi. What shall we do?"}]}
MORE: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "Mend the test."}]}
TOOL: dict[str, Any] = {"name": "read", "input_schema": {"type": "object"}}


def facts(shape: ApiShape, body: dict[str, Any], path: str = "") -> RequestFacts:
    return shape_for(shape).read_request(path, {}, json.dumps(body).encode())


def messages(*turns: dict[str, Any], **settings: Any) -> tuple[Block, ...]:
    body = {"model": "claude-opus-5-5", "max_tokens": 9, "system": [SYSTEM], "tools": [TOOL]} | settings
    return facts(ApiShape.ANTHROPIC_MESSAGES, body | {"messages": list(turns)}).blocks


def extends(longer: tuple[Block, ...], shorter: tuple[Block, ...]) -> bool:
    return shorter[-1].prefix in [block.prefix for block in longer[:-1]]


def test_a_conversation_that_goes_on_extends_what_it_was() -> None:
    assert extends(messages(HELLO, ANSWER, MORE), messages(HELLO))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_tokens": 7, "metadata": {"user_id": "u"}, "stream": True, "temperature": 0.5},
        {"system": [SYSTEM | {"cache_control": {"type": "ephemeral"}}]},
        {"tools": [TOOL | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
    ],
)
def test_settings_that_are_no_input_change_nothing(settings: dict[str, Any]) -> None:
    assert extends(messages(HELLO, ANSWER, MORE, **settings), messages(HELLO))


@pytest.mark.parametrize(
    "settings",
    [{"system": [SYSTEM | {"text": "Be quick."}]}, {"tools": []}, {"thinking": {"type": "adaptive"}}, {"new": 1}],
)
def test_settings_that_may_be_input_make_it_another_request(settings: dict[str, Any]) -> None:
    assert not extends(messages(HELLO, ANSWER, MORE, **settings), messages(HELLO))


def test_cache_marks_and_the_form_of_a_text_change_nothing() -> None:
    marked = {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]}
    assert extends(messages(HELLO, ANSWER, MORE), messages(marked))


def test_a_line_that_differs_in_each_request_of_claude_code_is_not_looked_at() -> None:
    def asked(mark: str, *turns: dict[str, Any]) -> tuple[Block, ...]:
        line = {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1; cch={mark};"}
        return messages(*turns, system=[line, SYSTEM])

    assert extends(asked("b7", HELLO, ANSWER, MORE), asked("a1", HELLO))


@pytest.mark.parametrize(
    "other",
    [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "Hello"}]},
    ],
)
def test_another_turn_is_another_request(other: dict[str, Any]) -> None:
    assert not extends(messages(other, ANSWER, MORE), messages(HELLO, ANSWER))


def test_two_turns_are_not_one_turn_of_two_parts() -> None:
    parts: list[dict[str, Any]] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    together = messages({"role": "user", "content": parts})
    apart = messages(*({"role": "user", "content": [part]} for part in parts))
    assert together[-1].prefix != apart[-1].prefix


def test_parts_added_to_the_last_turn_extend_it() -> None:
    longer = {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "again"}]}
    assert extends(messages(longer), messages(HELLO))


@pytest.mark.parametrize("settings", [{"context_management": {"edits": [1]}}, {"truncation": "auto"}])
def test_where_the_provider_rewrites_the_input_there_are_no_blocks(settings: dict[str, Any]) -> None:
    assert messages(HELLO, **settings) == ()


def test_the_sizes_hold_all_text() -> None:
    turn = {"role": "user", "content": [{"type": "text", "text": "ä" * 500}, {"type": "text", "text": "b" * 300}]}
    assert sum(block.size for block in messages(turn)) >= 1300 + len(SYSTEM["text"])


def image_of(shape: ApiShape) -> tuple[Block, ...]:
    """Blocks of a request with one picture in the dialect's own form, beside 100 letters."""
    text = "x" * 100
    body: dict[str, Any]
    url = f"data:image/png;base64,{PIXELS}"
    match shape:
        case ApiShape.ANTHROPIC_MESSAGES:
            source = {"type": "base64", "media_type": "image/png", "data": PIXELS}
            result = [{"type": "image", "source": source}, {"type": "text", "text": text}]
            body = {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": result}]}]}
        case ApiShape.OPENAI_CHAT:
            parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
            body = {"messages": [{"role": "user", "content": parts}]}
        case ApiShape.OPENAI_RESPONSES:
            shot: dict[str, Any] = {"type": "function_call_output", "call_id": "c"}
            body = {"input": [shot | {"output": [{"type": "input_image", "image_url": url}]}, HELLO]}
        case _:
            inline = {"inlineData": {"mimeType": "image/png", "data": PIXELS}}
            body = {"contents": [{"role": "user", "parts": [inline, {"text": text}]}]}
    return facts(shape, {"model": "m"} | body, "/v1beta/models/m:generateContent").blocks


@pytest.mark.parametrize(
    "shape", [ApiShape.ANTHROPIC_MESSAGES, ApiShape.OPENAI_CHAT, ApiShape.OPENAI_RESPONSES, ApiShape.GEMINI]
)
def test_images_are_counted_and_their_data_is_not(shape: ApiShape) -> None:
    blocks = image_of(shape)
    assert sum(block.images for block in blocks) == 1
    assert all(block.is_bounded for block in blocks)
    assert sum(block.size for block in blocks) < 1000


def test_what_neither_bytes_nor_a_count_bounds_is_said_to_be_so() -> None:
    document = {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}
    assert [block.is_bounded for block in messages({"role": "user", "content": [document]})][-1] is False


def test_an_image_in_the_arguments_of_a_tool_is_text() -> None:
    call = {"type": "tool_use", "id": "t", "name": "draw", "input": {"content": {"type": "image", "text": "x" * 900}}}
    block = messages({"role": "assistant", "content": [call]})[-1]
    assert (block.images, block.size > 900) == (0, True)


@pytest.mark.parametrize(("item", "is_named"), [({}, True), ({"encrypted_content": "x" * 80}, False)])
def test_reasoning_that_the_provider_keeps_is_told_from_that_which_is_sent(
    item: dict[str, Any], is_named: bool
) -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": []} | item
    found = facts(ApiShape.OPENAI_RESPONSES, {"model": "gpt-5", "input": [HELLO, reasoning]})
    assert (found.blocks[-1].is_answer_part, found.is_input_bounded) == (is_named, not is_named)


def test_odd_requests_are_measured_without_an_error() -> None:
    deep: Any = "x"
    for _ in range(3000):
        deep = [deep]
    odd: tuple[dict[str, Any], ...] = (
        {"messages": "x"},
        {"messages": [None, 3, []]},
        {"messages": {"content": 3}},
        {"messages": []},
    )
    for body in odd:
        assert facts(ApiShape.OPENAI_CHAT, {"model": "m"} | body).blocks
    from proxy_addon.shapes.blocks import input_pieces

    assert input_pieces({"messages": [{"content": deep}]}, ("messages",), lambda _: True).blocks == ()
