"""Lowering the output limit of a request to what is left of a cap, where a person chose *fit*.

The smallest edit of the body's bytes, and only where it is safe: a field that the provider documents for this shape,
and no budget beside it that a lower limit would contradict.
"""

from collections.abc import Mapping

import msgspec

from app.core.call import ApiShape
from proxy_addon.json_text import member_spans, with_member

HEADER = "x-bursar-output-limit"

_FIELDS: Mapping[ApiShape, tuple[str, ...]] = {
    ApiShape.ANTHROPIC_MESSAGES: ("max_tokens",),
    ApiShape.OPENAI_CHAT: ("max_completion_tokens", "max_tokens"),
    ApiShape.OPENAI_RESPONSES: ("max_output_tokens",),
}
# Which field a provider knows where the request has none: OpenAI's newer models refuse `max_tokens` (API reference).
_WHERE_ABSENT: Mapping[tuple[str, ApiShape], str] = {
    ("openai", ApiShape.OPENAI_CHAT): "max_completion_tokens",
    ("openai", ApiShape.OPENAI_RESPONSES): "max_output_tokens",
    ("deepseek", ApiShape.OPENAI_CHAT): "max_tokens",
    ("mistral", ApiShape.OPENAI_CHAT): "max_tokens",
    ("openrouter", ApiShape.OPENAI_CHAT): "max_tokens",
}
_GEMINI_CONFIGS = {"generationConfig": "maxOutputTokens", "generation_config": "max_output_tokens"}


def with_output_limit(provider: str, shape: ApiShape, body: bytes, limit: int) -> bytes | None:
    """The body with that limit, in tokens, in the place of its own; None where that is not safe."""
    if shape is ApiShape.GEMINI:
        return _with_gemini_limit(body, limit)
    members = member_spans(body)
    if members is None or ("thinking" in members and b"budget_tokens" in body[members["thinking"]]):
        return None
    present = [name for name in _FIELDS.get(shape, ()) if name in members and body[members[name]] != b"null"]
    absent = _WHERE_ABSENT.get((provider, shape))
    names = present or ([absent] if absent is not None else [])
    edited: bytes | None = body
    for name in names:
        edited = None if edited is None else with_member(edited, name, b"%d" % limit)
    return edited if names else None


def _with_gemini_limit(body: bytes, limit: int) -> bytes | None:
    members = member_spans(body)
    if members is None:
        return None
    key = next((name for name in _GEMINI_CONFIGS if name in members), "generationConfig")
    config = body[members[key]] if key in members else b"{}"
    if b"hinking" in config:  # a thinking budget may be above the limit
        return None
    inner = with_member(config, _other_spelling(config, key), b"%d" % limit)
    return None if inner is None else with_member(body, key, inner)


def _other_spelling(config: bytes, key: str) -> str:
    """The field as the client spells it: both spellings are taken, and one beside the other contradicts it."""
    try:
        members = msgspec.json.decode(config, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        members = {}
    return next((name for name in _GEMINI_CONFIGS.values() if name in members), _GEMINI_CONFIGS[key])
