"""What results tell of how a tool went, by what each agent is known to write."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes import shape_for
from proxy_addon.shapes.tool_outcomes import READ_CHARACTERS, outcome_of, size_of

FAILED, SUCCEEDED, UNKNOWN = ToolOutcome.FAILED, ToolOutcome.SUCCEEDED, ToolOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ("hello", UNKNOWN),
        ("Error: no such file", UNKNOWN),
        ('{"error": "no such file"}', FAILED),
        ('{"error": null, "rows": 3}', UNKNOWN),
        ('{"is_error": true}', FAILED),
        ('{"isError": false, "content": []}', SUCCEEDED),
        ('{"exit_code": 3, "stdout": ""}', FAILED),
        ('{"exit_code": 0, "stdout": "error"}', SUCCEEDED),
        ('{"exit_code": true}', UNKNOWN),
        ('{"output": "x", "metadata": {"exit_code": 1, "duration_seconds": 0.1}}', FAILED),
        ("Chunk ID: 3f2a\nWall time: 0.0512 seconds\nProcess exited with code 0\nOutput:\nhi", SUCCEEDED),
        ("Wall time: 0.0512 seconds\nProcess exited with code 127\nOutput:\n", FAILED),
        ("Process exited with code -1\n", FAILED),
        ("Chunk ID: 3f2a\nWall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n", UNKNOWN),
        ("Exit code: 2\nWall time: 0.1 seconds\nOutput:\nno", FAILED),
        ("Exit code: 0\nWall time: 0.1 seconds\nOutput:\nyes", SUCCEEDED),
        ("a log that says: Process exited with code 1", UNKNOWN),
        ("Script completed\nWall time 0.2 seconds\nOutput:\n", SUCCEEDED),
        ("Script failed\nWall time 0.2 seconds\nOutput:\n", FAILED),
        ("Script running with cell ID 4\nWall time 10.0 seconds\nOutput:\n", UNKNOWN),
        ('Script completed\nWall time 0.2 seconds\nOutput:\n{"exit_code":3,"output":""}', FAILED),
        ("An error occurred while running the tool. Please try again. Error: no", FAILED),
        ("Error: KeyError('x')\n Please fix your mistakes.", FAILED),
        ("1 validation error\n\nFix the errors and try again.", FAILED),
        ([{"type": "text", "text": '{"exit_code": 0}'}, {"type": "image"}], SUCCEEDED),
        (
            [
                {"type": "input_text", "text": "Script completed\nWall time 0.2 seconds\nOutput:\n"},
                {"type": "input_text", "text": '{"chunk_id":"a1","exit_code":3,"output":"no"}'},
            ],
            FAILED,
        ),
        ({"error": {"code": 5}}, FAILED),
        ("{" * 100_000, UNKNOWN),
        ("\ud800", UNKNOWN),
        (None, UNKNOWN),
        (7, UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_what_a_result_tells(content: object, outcome: ToolOutcome) -> None:
    assert outcome_of(content) is outcome


def test_no_more_of_a_result_is_looked_at_than_64_kib() -> None:
    long = json.dumps({"output": "x" * READ_CHARACTERS, "exit_code": 1})
    assert outcome_of(long) is UNKNOWN
    assert (
        outcome_of([{"type": "text", "text": "x" * READ_CHARACTERS}, {"type": "text", "text": '{"error": 1}'}])
        is UNKNOWN
    )


@pytest.mark.parametrize(
    ("content", "size"),
    [
        ("grün", 5),
        ([{"type": "text", "text": "grün"}], 5),
        (None, 0),
        ({"a": 1}, 7),
        ("\ud800", 3),
        ([{"type": "image"}], 18),
    ],
)
def test_the_size_of_a_result_is_that_of_its_text_or_of_its_json(content: object, size: int) -> None:
    assert size_of(content) == size


def carried(shape: ApiShape, body: dict[str, Any], agent: str = "", path: str = "") -> tuple[ToolResult, ...]:
    facts: RequestFacts = shape_for(shape).read_request(path, {"user-agent": agent}, json.dumps(body).encode())
    return facts.tool_results


def told(results: tuple[ToolResult, ...]) -> list[tuple[str, ToolOutcome]]:
    return [(result.provider_id or result.name, result.outcome) for result in results]


def message(*results: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", **result} for result in results]}


def test_anthropic_results_by_their_flag() -> None:
    earlier = [message({"tool_use_id": "0", "is_error": True}), {"role": "assistant", "content": "hm"}]
    last = message(
        {"tool_use_id": "1", "is_error": True, "content": "Exit code 3\nhello"},
        {"tool_use_id": "2", "is_error": False, "content": '{"error": "in a file that was read"}'},
        {"tool_use_id": "3", "content": "ok"},
    )
    body = {"model": "m", "max_tokens": 5, "messages": [*earlier, last]}
    assert told(carried(ApiShape.ANTHROPIC_MESSAGES, body)) == [("1", FAILED), ("2", SUCCEEDED), ("3", UNKNOWN)]
    claude = carried(ApiShape.ANTHROPIC_MESSAGES, body, "claude-cli/2.1.300 (external, cli)")
    assert told(claude) == [("1", FAILED), ("2", SUCCEEDED), ("3", SUCCEEDED)]


def test_chat_results_behind_the_models_last_words() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "tool", "tool_call_id": "0", "content": '{"error": 1}'},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "tool_call_id": "1", "content": '{"error": 1}'},
            {"role": "tool", "tool_call_id": "2", "content": "fine"},
            {"role": "user", "content": "and now?"},
        ],
    }
    assert told(carried(ApiShape.OPENAI_CHAT, body)) == [("1", FAILED), ("2", UNKNOWN)]


def test_responses_results_of_each_kind() -> None:
    shell = {"stdout": "", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
    late = {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}}
    given = [
        {"type": "function_call_output", "call_id": "0", "output": '{"error": 1}'},
        {"type": "message", "role": "assistant", "content": []},
        {"type": "function_call", "call_id": "1", "name": "read", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": '{"error": 1}'},
        {"type": "custom_tool_call", "call_id": "2", "name": "exec", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "2", "output": "Exit code: 0\nWall time: 1 seconds\n"},
        {"type": "apply_patch_call_output", "call_id": "3", "status": "failed", "output": ""},
        {"type": "shell_call_output", "call_id": "4", "output": [shell, shell]},
        {"type": "shell_call_output", "call_id": "5", "output": [shell, late]},
    ]
    assert told(carried(ApiShape.OPENAI_RESPONSES, {"model": "m", "input": given})) == [
        *(("1", FAILED), ("2", SUCCEEDED), ("3", FAILED), ("4", SUCCEEDED), ("5", FAILED)),
    ]
    assert carried(ApiShape.OPENAI_RESPONSES, {"model": "m", "input": "hello"}) == ()


def test_of_a_long_conversation_without_a_word_of_the_model_only_the_last_results_are_looked_at() -> None:
    calls = [{"type": "function_call", "call_id": str(n), "name": "read", "arguments": "{}"} for n in range(500)]
    outputs = [{"type": "function_call_output", "call_id": str(n), "output": "x"} for n in range(500)]
    given = [item for pair in zip(calls, outputs, strict=True) for item in pair]
    found = [mark for mark, _ in told(carried(ApiShape.OPENAI_RESPONSES, {"model": "m", "input": given}))]
    assert found == [str(n) for n in range(500 - len(found), 500)]
    assert 16 <= len(found) <= 64


def test_gemini_results_by_the_keys_that_google_names() -> None:
    def part(name: str, **response: object) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": response}}

    contents = [
        {"role": "user", "parts": [part("old", error="x")]},
        {"role": "model", "parts": [{"functionCall": {"name": "read", "args": {}}}]},
        {
            "role": "user",
            "parts": [
                part("read", error="no such file"),
                part("list", output="a b"),
                part("run_shell_command", output="Output: hello\nExit Code: 3\n"),
                part("run_shell_command", output="Output: hello"),
                part("weather", temperature=3),
            ],
        },
    ]
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    assert told(carried(ApiShape.GEMINI, {"contents": contents}, path=path)) == [
        *(("read", FAILED), ("list", SUCCEEDED), ("run_shell_command", FAILED)),
        *(("run_shell_command", SUCCEEDED), ("weather", UNKNOWN)),
    ]


def test_converse_results_by_their_status() -> None:
    def part(mark: str, **result: object) -> dict[str, Any]:
        return {"toolResult": {"toolUseId": mark, "content": [{"text": "x"}], **result}}

    last = [
        part("1", status="error"),
        part("2", status="success"),
        part("3"),
        part("4", content=[{"json": {"error": 1}}]),
    ]
    body = {"messages": [{"role": "assistant", "content": []}, {"role": "user", "content": last}]}
    assert told(carried(ApiShape.BEDROCK_CONVERSE, body, path="/model/m/converse")) == [
        *(("1", FAILED), ("2", SUCCEEDED), ("3", UNKNOWN), ("4", FAILED)),
    ]


def test_interactions_results_by_their_flag() -> None:
    given = [
        {"type": "function_result", "call_id": "1", "name": "read", "is_error": True, "result": "no"},
        {"type": "function_result", "call_id": "2", "name": "read", "result": "yes"},
    ]
    found = carried(ApiShape.GEMINI_INTERACTIONS, {"model": "m", "input": given})
    assert told(found) == [("1", FAILED), ("2", UNKNOWN)]


def test_cohere_and_ollama_results() -> None:
    chat = {"model": "m", "messages": [{"role": "tool", "tool_call_id": "1", "content": '{"error": "no"}'}]}
    assert told(carried(ApiShape.COHERE, chat)) == [("1", FAILED)]
    first = {"model": "m", "message": "", "tool_results": [{"call": {"name": "read"}, "outputs": [{"error": "no"}]}]}
    assert told(carried(ApiShape.COHERE, first)) == [("read", FAILED)]
    named = {"model": "m", "messages": [{"role": "tool", "tool_name": "read", "content": "{}"}]}
    assert told(carried(ApiShape.OLLAMA, named)) == [("read", UNKNOWN)]
