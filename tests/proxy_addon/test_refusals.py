import json
from typing import Any

import pytest

from app.core.call import ApiShape
from proxy_addon.refusals import PASSING, Cause, Reason, cause_headers, refusal, unreachable_body

SDK = "Anthropic/Python 2.12.0"
CLAUDE_CODE = "claude-cli/2.1.330 (external, cli)"
CODEX = "codex_exec/0.169.0"


def told(shape: ApiShape, agent: str, reason: Reason) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = refusal(shape, agent, reason, "The cap is reached.")
    return answer.status, json.loads(answer.body), answer.headers


@pytest.mark.parametrize(
    ("shape", "agent", "status", "body"),
    [
        (
            ApiShape.ANTHROPIC_MESSAGES,
            CLAUDE_CODE,
            402,
            {"type": "error", "error": {"type": "billing_error", "message": "The cap is reached."}},
        ),
        (
            ApiShape.ANTHROPIC_MESSAGES,
            SDK,
            400,
            {"type": "error", "error": {"type": "invalid_request_error", "message": "The cap is reached."}},
        ),
        (
            ApiShape.OPENAI_CHAT,
            "OpenAI/Python",
            400,
            {
                "error": {
                    "message": "The cap is reached.",
                    "type": "insufficient_quota",
                    "param": None,
                    "code": "insufficient_quota",
                }
            },
        ),
        (
            ApiShape.OPENAI_RESPONSES,
            CODEX,
            400,
            {
                "error": {
                    "message": "The cap is reached.",
                    "type": "invalid_request_error",
                    "param": None,
                    "code": "invalid_prompt",
                }
            },
        ),
        (
            ApiShape.GEMINI,
            "GeminiCLI/0.61.0",
            402,
            {"error": {"code": 402, "message": "The cap is reached.", "status": "RESOURCE_EXHAUSTED"}},
        ),
    ],
)
def test_cap_is_told_as_each_client_was_measured_to_stop_at(
    shape: ApiShape, agent: str, status: int, body: dict[str, Any]
) -> None:
    found_status, found_body, headers = told(shape, agent, Reason.CAP)
    assert (found_status, found_body) == (status, body)
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers


@pytest.mark.parametrize("shape", ApiShape)
@pytest.mark.parametrize("agent", [SDK, CLAUDE_CODE, CODEX, "GeminiCLI/1", ""])
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in PASSING])
def test_final_refusal_never_has_a_status_that_invites_a_retry(shape: ApiShape, agent: str, reason: Reason) -> None:
    status, body, headers = told(shape, agent, reason)
    assert status in (400, 401, 402, 403, 404, 413)
    assert "The cap is reached." in json.dumps(body)
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers


@pytest.mark.parametrize("shape", ApiShape)
@pytest.mark.parametrize("agent", [SDK, CLAUDE_CODE, CODEX, "GeminiCLI/1", ""])
@pytest.mark.parametrize("reason", PASSING)
def test_temporary_refusal_is_one_that_every_client_tries_again(shape: ApiShape, agent: str, reason: Reason) -> None:
    status, body, headers = told(shape, agent, reason)
    assert (status, headers["x-should-retry"]) == (503, "true")
    assert "The cap is reached." in json.dumps(body)
    assert 1 <= int(headers["retry-after"]) <= 5  # longer than two minutes and OpenAI's SDK gives up


# One request after the cap, by what each client was measured to stop at: wire-formats notes, section 2.1.
STOPS_AT = [
    ("claude-cli/2.1.330 (external, cli)", ApiShape.ANTHROPIC_MESSAGES, {402, 403}),
    ("claude-cli/2.1.197 (external, cli)", ApiShape.ANTHROPIC_MESSAGES, {400, 402, 403}),
    ("codex_exec/0.169.0 (Debian 12)", ApiShape.OPENAI_RESPONSES, {400}),
    ("codex_cli_rs/0.169.0 (Debian 12)", ApiShape.OPENAI_RESPONSES, {400}),
    ("GeminiCLI-tui/0.61.0/gemini-3-pro (linux; x64)", ApiShape.GEMINI, {400, 402, 403}),
    ("opencode/1.18.33 ai-sdk/provider-utils", ApiShape.OPENAI_CHAT, {400, 402, 403}),
    ("opencode/1.18.33 ai-sdk/provider-utils", ApiShape.ANTHROPIC_MESSAGES, {400, 402, 403}),
    ("ai-sdk/openai-compatible/3.0.65", ApiShape.OPENAI_CHAT, {400, 402, 403}),
    ("OpenAI/Python 2.20.0", ApiShape.OPENAI_CHAT, {400}),  # aider's too
    ("litellm/1.81.10", ApiShape.ANTHROPIC_MESSAGES, {400}),  # aider's with Claude
    ("Anthropic/JS 1.12.0", ApiShape.ANTHROPIC_MESSAGES, {400, 402, 403, 429}),
    ("google-genai-sdk/3.4.0 gl-python/3.13.0", ApiShape.GEMINI, {400, 402, 403, 429}),
]


@pytest.mark.parametrize(("agent", "shape", "stops_at"), STOPS_AT)
def test_each_client_stops_after_one_request(agent: str, shape: ApiShape, stops_at: set[int]) -> None:
    for cause in (Cause.EXHAUSTED, Cause.UNPRICED, Cause.REFUSED, Cause.STOPPED):
        assert told(shape, agent, cause.reason)[0] in stops_at


def test_cause_is_told_to_programs_with_exact_amounts() -> None:
    assert cause_headers(Cause.EXHAUSTED, 2_500_000, 0) == {
        "x-bursar-refusal": "exhausted", "x-bursar-needed-usd": "0.0025", "x-bursar-remaining-usd": "0.00",
    }  # fmt: skip
    assert cause_headers(Cause.PAUSED, None, None) == {"x-bursar-refusal": "paused"}


def test_what_passes_by_itself_is_told_apart_from_what_needs_a_person() -> None:
    assert {cause for cause in Cause if cause.reason is Reason.LATER} == {
        Cause.CONTENDED, Cause.PAUSED, Cause.UNANSWERED,
    }  # fmt: skip


def test_unreachable_provider_is_readable_in_every_dialect() -> None:
    body = json.loads(unreachable_body("gone"))
    assert body["type"] == "error"
    assert body["error"]["type"] == "api_error"
    assert (body["error"]["code"], body["error"]["status"], body["error"]["message"]) == (502, "UNAVAILABLE", "gone")


@pytest.mark.parametrize(
    ("shape", "status", "body", "header"),
    [
        (ApiShape.ANTHROPIC_COMPLETE, 400, {"type": "error"}, None),
        (ApiShape.GEMINI_EMBEDDINGS, 402, {"error": {"status": "RESOURCE_EXHAUSTED", "code": 402}}, None),
        (ApiShape.GEMINI_INTERACTIONS, 402, {"error": {"status": "RESOURCE_EXHAUSTED", "code": 402}}, None),
        (ApiShape.BEDROCK_CONVERSE, 400, {"message": "The cap is reached."}, "ValidationException"),
        (ApiShape.BEDROCK_INVOKE, 400, {"message": "The cap is reached."}, "ValidationException"),
        (ApiShape.COHERE, 400, {"message": "The cap is reached."}, None),
        (ApiShape.OLLAMA, 400, {"error": "The cap is reached."}, None),
        (ApiShape.OPENAI_EMBEDDINGS, 400, {"error": {"code": "insufficient_quota"}}, None),
    ],
)
def test_each_dialect_is_told_in_its_own_words(
    shape: ApiShape, status: int, body: dict[str, Any], header: str | None
) -> None:
    told_status, told_body, headers = told(shape, SDK, Reason.CAP)
    assert (told_status, headers.get("x-amzn-errortype")) == (status, header)
    for key, value in body.items():
        said = told_body[key]
        assert value.items() <= said.items() if isinstance(value, dict) else said == value


@pytest.mark.parametrize(
    ("shape", "agent", "status", "kind"),
    [
        (ApiShape.ANTHROPIC_MESSAGES, CLAUDE_CODE, 402, "permission_error"),
        (ApiShape.ANTHROPIC_MESSAGES, SDK, 400, "invalid_request_error"),
        (ApiShape.OPENAI_CHAT, "OpenAI/Python", 400, "invalid_request_error"),
        (ApiShape.OPENAI_RESPONSES, CODEX, 400, "invalid_request_error"),
        (ApiShape.GEMINI, "GeminiCLI/0.61", 403, None),
    ],
)
def test_what_a_key_may_not_do_ends_every_client_at_its_first_try(
    shape: ApiShape, agent: str, status: int, kind: str | None
) -> None:
    found, body, headers = told(shape, agent, Reason.NOT_ALLOWED)
    assert (found, body["error"].get("type")) == (status, kind)
    assert headers["x-should-retry"] == "false"
    assert Cause.NOT_ALLOWED.reason is Reason.NOT_ALLOWED
