"""The parts of a request that the next one is held against: tools, settings, system prompt, messages."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from app.core.sent_input import InputPart, PartKind
from proxy_addon.shapes import shape_for

TOOL, SETTING, SYSTEM, MESSAGE = PartKind.TOOL, PartKind.SETTING, PartKind.SYSTEM, PartKind.MESSAGE
MARK = {"cache_control": {"type": "ephemeral"}}
SCHEMA = {"type": "object"}


def facts(shape: ApiShape, body: dict[str, Any]) -> RequestFacts:
    path = {ApiShape.GEMINI: "/v1beta/models/m:generateContent", ApiShape.BEDROCK_CONVERSE: "/model/m/converse"}
    return shape_for(shape).read_request(path.get(shape, ""), {}, json.dumps({"model": "m", **body}).encode())


def outline(parts: tuple[InputPart, ...]) -> list[tuple[PartKind, str, int]]:
    return [(part.kind, part.name, part.turn) for part in parts]


BODIES: dict[ApiShape, dict[str, Any]] = {
    ApiShape.ANTHROPIC_MESSAGES: {
        "tools": [{"name": "read", "input_schema": SCHEMA}, {"name": "web_search", "type": "web_search_20250305"}],
        "thinking": {"type": "adaptive"},
        "system": [{"type": "text", "text": "be good"}],
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
        ],
    },
    ApiShape.OPENAI_CHAT: {
        "tools": [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("read", "web_search")
        ],
        "thinking": {"type": "adaptive"},
        "messages": [
            {"role": "developer", "content": "be good"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "read"}}]},
        ],
    },
    ApiShape.OPENAI_RESPONSES: {
        "tools": [{"type": "function", "name": "read"}, {"type": "web_search"}],
        "thinking": {"type": "adaptive"},
        "instructions": "be good",
        "input": [{"role": "user", "content": "a"}, {"type": "function_call", "name": "read", "arguments": "{}"}],
    },
    ApiShape.GEMINI: {
        "tools": [{"functionDeclarations": [{"name": "read"}, {"name": "web_search"}]}],
        "thinking": {"type": "adaptive"},
        "systemInstruction": {"parts": [{"text": "be good"}]},
        "contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}],
    },
    ApiShape.BEDROCK_CONVERSE: {
        "toolConfig": {"tools": [{"toolSpec": {"name": "read"}}, {"toolSpec": {"name": "web_search"}}]},
        "thinking": {"type": "adaptive"},
        "system": [{"text": "be good"}],
        "messages": [{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"text": "b"}]}],
    },
}


@pytest.mark.parametrize("shape", BODIES)
def test_tools_settings_system_and_messages_are_told_apart(shape: ApiShape) -> None:
    found = [one for one in outline(facts(shape, BODIES[shape]).parts) if one[1] not in ("model", "toolConfig")]
    tools = [(kind, name) for kind, name, _ in found if kind is TOOL]
    assert tools == [(TOOL, "read"), (TOOL, "web_search")]
    assert [name for kind, name, _ in found if kind is SETTING] == ["thinking"]
    assert sum(kind is SYSTEM for kind, _, _ in found) == 1
    first = 2 if shape is ApiShape.OPENAI_CHAT else 1
    assert [turn for kind, _, turn in found if kind is MESSAGE] == [first, first + 1]


@pytest.mark.parametrize("shape", BODIES)
def test_a_part_is_known_again_wherever_it_stands(shape: ApiShape) -> None:
    body = BODIES[shape]
    key = next(key for key in ("messages", "input", "contents") if key in body)
    turned = facts(shape, body | {key: body[key][::-1]}).parts
    plain = facts(shape, body).parts
    assert {part.digest for part in turned} == {part.digest for part in plain}
    other = facts(shape, body | {"thinking": {"type": "none"}}).parts
    assert [part.digest for part in other if part.kind is not SETTING] == [
        part.digest for part in plain if part.kind is not SETTING
    ]


def test_marks_that_move_change_no_part() -> None:
    body = BODIES[ApiShape.ANTHROPIC_MESSAGES]
    marked = body | {"system": [body["system"][0] | MARK], "tools": [body["tools"][0] | MARK, body["tools"][1]]}
    plain, found = facts(ApiShape.ANTHROPIC_MESSAGES, body), facts(ApiShape.ANTHROPIC_MESSAGES, marked)
    assert found.parts == plain.parts
    assert (plain.cache_asked, found.cache_asked) == ("", "5m")


def test_marks_of_converse_are_no_input() -> None:
    body = BODIES[ApiShape.BEDROCK_CONVERSE]
    point: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "1h"}}
    turns = [*body["messages"][:1], {"role": "assistant", "content": [{"text": "b"}, point]}]
    marked = body | {"system": [*body["system"], point], "messages": turns}
    marked["toolConfig"] = {"tools": [*body["toolConfig"]["tools"], point]}
    plain, found = facts(ApiShape.BEDROCK_CONVERSE, body), facts(ApiShape.BEDROCK_CONVERSE, marked)
    assert found.parts == plain.parts
    assert found.blocks == plain.blocks
    assert found.cache_asked == "1h"


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, ""),
        ({"cache_control": {"type": "ephemeral"}}, "5m"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "1h"),
        ({"cache_control": None}, ""),
        ({"prompt_cache_retention": "24h"}, "24h"),
        ({"prompt_cache_retention": "in_memory"}, ""),
        ({"prompt_cache_options": {"ttl": "30m", "mode": "implicit"}}, "30m"),
        ({"system": [{"text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"text": "b", **MARK}]}, "5m"),
        ({"messages": [{"role": "user", "content": 'a text about "cache_control"'}]}, ""),
    ],
)
def test_how_long_a_request_asks_for_a_cache_is_read_from_its_marks(settings: dict[str, Any], asked: str) -> None:
    assert facts(ApiShape.ANTHROPIC_MESSAGES, {"messages": []} | settings).cache_asked == asked


def test_what_a_provider_rewrites_has_parts_and_no_blocks() -> None:
    body = BODIES[ApiShape.ANTHROPIC_MESSAGES] | {
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]}
    }
    found = facts(ApiShape.ANTHROPIC_MESSAGES, body)
    assert found.blocks == ()
    assert (MESSAGE, "", 2) in outline(found.parts)


def test_namespaces_servers_and_what_is_no_tool_keep_their_place() -> None:
    tools: list[Any] = [
        {"type": "namespace", "name": "mcp__git", "description": "x", "tools": [{"type": "function", "name": "log"}]},
        {"type": "mcp", "server_label": "maps", "server_url": "https://maps.test"},
        {"type": "web_search"},
        "nonsense",
        {"name": "a name that is none, but a text"},
    ]
    found = facts(ApiShape.OPENAI_RESPONSES, {"tools": tools, "input": []}).parts
    names = [part.name for part in found if part.kind is TOOL]
    assert names == ["mcp__git__log", "", "maps", "web_search", "", "(unreadable)"]
    fewer = facts(ApiShape.OPENAI_RESPONSES, {"tools": [*tools[:3], "other", tools[4]], "input": []})
    assert fewer.blocks[0] != facts(ApiShape.OPENAI_RESPONSES, {"tools": tools, "input": []}).blocks[0]


@pytest.mark.parametrize("tools", ["x", 3, {"a": 1}, None, [None], [[]], {"tools": 3}])
@pytest.mark.parametrize("member", ["tools", "toolConfig", "functions"])
def test_odd_definitions_are_read_without_an_error(member: str, tools: Any) -> None:
    found = facts(ApiShape.OPENAI_CHAT, {"messages": [{"role": "user", "content": "a"}], member: tools})
    assert [part.kind for part in found.parts][-1] is MESSAGE


def test_an_image_weighs_what_its_tokens_do_and_a_bare_frame_counts_with_its_part() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "i" * 90_000}
    image = {"role": "user", "content": [{"type": "image", "source": source}]}
    (part,) = (one for one in facts(ApiShape.ANTHROPIC_MESSAGES, {"messages": [image]}).parts if one.kind is MESSAGE)
    assert 6_000 <= part.size < 6_200


def test_what_a_socket_message_says_of_itself_is_no_setting() -> None:
    body = {"type": "response.create", "generate": False, "stream_id": "a", "input": [], "reasoning": {"effort": "low"}}
    found = outline(facts(ApiShape.OPENAI_RESPONSES, body).parts)
    assert found == [(SETTING, "reasoning", 0)]


def test_tools_that_stand_among_the_messages_are_tools() -> None:
    """As Codex gives them to GPT-6."""
    exec_, wait = {"type": "custom", "name": "exec"}, {"type": "function", "name": "wait"}
    space = {"type": "namespace", "name": "functions", "tools": [exec_, wait]}
    given = {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": [space]}
    told = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be good"}]}
    asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}
    found = facts(ApiShape.OPENAI_RESPONSES, {"input": [given, told, asked]})
    assert outline(found.parts) == [
        (TOOL, "exec", 1), (TOOL, "wait", 1), (TOOL, "", 1), (SYSTEM, "", 2), (MESSAGE, "", 3)
    ]  # fmt: skip
    other = facts(ApiShape.OPENAI_RESPONSES, {"input": [given | {"tools": [exec_]}, told, asked]})
    assert other.blocks[1].prefix != found.blocks[1].prefix
