import json

import pytest

from app.core.call import ApiShape
from proxy_addon.output_limit import with_output_limit

CHAT, MESSAGES, RESPONSES = ApiShape.OPENAI_CHAT, ApiShape.ANTHROPIC_MESSAGES, ApiShape.OPENAI_RESPONSES


@pytest.mark.parametrize(
    ("provider", "shape", "body", "edited"),
    [
        ("anthropic", MESSAGES, b'{ "max_tokens" : 32000, "model":"m"}', b'{ "max_tokens" : 77, "model":"m"}'),
        ("openai", CHAT, b'{"max_tokens":9,"x":1.50}', b'{"max_tokens":77,"x":1.50}'),
        ("openai", CHAT, b'{"max_completion_tokens":9}', b'{"max_completion_tokens":77}'),
        ("openai", CHAT, b'{"model":"m"}', b'{"max_completion_tokens":77,"model":"m"}'),
        ("mistral", CHAT, b'{"model":"m"}', b'{"max_tokens":77,"model":"m"}'),
        ("openai", CHAT, b'{"max_tokens":null,"a":1}', b'{"max_completion_tokens":77,"max_tokens":null,"a":1}'),
        ("openai", RESPONSES, b'{"max_output_tokens":9}', b'{"max_output_tokens":77}'),
        ("openai", RESPONSES, b"{}", b'{"max_output_tokens":77}'),
        (
            "google",
            ApiShape.GEMINI,
            b'{"contents":[], "generationConfig":{"topK": 1,"maxOutputTokens":9}}',
            b'{"contents":[], "generationConfig":{"topK": 1,"maxOutputTokens":77}}',
        ),
        ("google", ApiShape.GEMINI, b'{"contents":[]}', b'{"generationConfig":{"maxOutputTokens":77},"contents":[]}'),
        (
            "google",
            ApiShape.GEMINI,
            b'{"generation_config":{"max_output_tokens":9}}',
            b'{"generation_config":{"max_output_tokens":77}}',
        ),
    ],
)
def test_only_the_limit_is_changed(provider: str, shape: ApiShape, body: bytes, edited: bytes) -> None:
    assert with_output_limit(provider, shape, body, 77) == edited
    json.loads(edited)


@pytest.mark.parametrize(
    ("provider", "shape", "body"),
    [
        ("anthropic", MESSAGES, b'{"max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":16000}}'),
        ("anthropic", MESSAGES, b'{"model":"without the limit that it must have"}'),
        ("some-server", CHAT, b'{"model":"which of the two fields it knows is not known"}'),
        ("openai", CHAT, b'{"max_tokens":1,"max_tokens":2}'),
        ("openai", CHAT, b"[1]"),
        ("openai", CHAT, b"not json"),
        ("google", ApiShape.GEMINI, b'{"generationConfig":{"thinkingConfig":{"thinkingBudget":9000}}}'),
        ("google", ApiShape.GEMINI, b'{"generationConfig":7}'),
    ],
)
def test_where_it_is_not_safe_nothing_is_changed(provider: str, shape: ApiShape, body: bytes) -> None:
    assert with_output_limit(provider, shape, body, 77) is None
