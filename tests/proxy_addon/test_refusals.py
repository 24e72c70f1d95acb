import json
from typing import Any

import pytest

from app.core.call import ApiShape
from proxy_addon.refusals import Reason, refusal, unreachable_body

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
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.UNAVAILABLE])
def test_final_refusal_never_has_a_status_that_invites_a_retry(shape: ApiShape, agent: str, reason: Reason) -> None:
    status, body, headers = told(shape, agent, reason)
    assert status in (400, 401, 402, 403, 404, 413)
    assert "The cap is reached." in json.dumps(body)
    assert headers["x-should-retry"] == "false"


@pytest.mark.parametrize("shape", ApiShape)
def test_temporary_refusal_says_when_to_come_back(shape: ApiShape) -> None:
    status, _body, headers = told(shape, SDK, Reason.UNAVAILABLE)
    assert (status, headers["retry-after"]) == (503, "5")
    assert "x-should-retry" not in headers


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
