"""One request in each dialect that is spoken over plain HTTP, to be made by hand."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from app.core.call import ApiShape

PROVIDERS = ("anthropic", "openai", "google", "aws", "cohere", "ollama")
KEYS = {name: f"{name}-real" for name in PROVIDERS}

Request = tuple[str, dict[str, Any]]


def _in_body(path: str, **members: Any) -> Callable[[str], Request]:
    return lambda model: (path, {"model": model, **members})


def _in_path(path: str, **members: Any) -> Callable[[str], Request]:
    return lambda model: (path.replace("MODEL", quote(model, safe="")), dict(members))


DIALECTS: dict[ApiShape, Callable[[str], Request]] = {
    ApiShape.ANTHROPIC_MESSAGES: _in_body("/anthropic/v1/messages", max_tokens=10, messages=[]),
    ApiShape.ANTHROPIC_COMPLETE: _in_body("/anthropic/v1/complete", max_tokens_to_sample=10, prompt="hi"),
    ApiShape.OPENAI_CHAT: _in_body("/openai/v1/chat/completions", max_completion_tokens=10, messages=[]),
    ApiShape.OPENAI_COMPLETIONS: _in_body("/openai/v1/completions", max_tokens=10, prompt="hi"),
    ApiShape.OPENAI_RESPONSES: _in_body("/openai/v1/responses", max_output_tokens=10, input="hi"),
    ApiShape.OPENAI_EMBEDDINGS: _in_body("/openai/v1/embeddings", input="hi"),
    ApiShape.OPENAI_MEDIA: _in_body("/openai/v1/audio/speech", input="hi", voice="alloy"),
    ApiShape.OPENAI_ASSISTANTS: _in_body("/openai/v1/threads/runs", assistant_id="asst_1"),
    ApiShape.GEMINI: _in_path("/gemini/v1beta/models/MODEL:generateContent", contents=[]),
    ApiShape.GEMINI_EMBEDDINGS: _in_path("/gemini/v1beta/models/MODEL:embedContent", content={}),
    ApiShape.GEMINI_INTERACTIONS: _in_body("/gemini/v1beta/interactions", input="hi"),
    ApiShape.BEDROCK_CONVERSE: _in_path("/bedrock/model/MODEL/converse", messages=[]),
    ApiShape.BEDROCK_INVOKE: _in_path("/bedrock/model/MODEL/invoke", prompt="hi", max_gen_len=10),
    ApiShape.COHERE: _in_body("/cohere/v2/chat", messages=[]),
    ApiShape.OLLAMA: _in_body("/ollama/api/chat", messages=[], stream=False),
}
"""How a model is asked for: path at the gateway and body."""


def message_of(answer: bytes) -> str:
    """The words for a person in an error of any dialect."""
    told = json.loads(answer)
    error = told.get("error", told)
    return str(error if isinstance(error, str) else error["message"])
