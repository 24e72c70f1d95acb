"""The most a model can answer with, and take in, where a request and the price table set no limit.

By families of names, first match wins. Sources: the providers' model pages; for Gemini 4 Argon they differ, and the
larger number stands here.
"""

import re

DEFAULT_CONTEXT = 2_000_000
"""The largest context window sold by the providers we price."""
_DEFAULT_OUTPUT = 128_000

_MAX_OUTPUT = (
    (re.compile(r"claude-"), 128_000),
    (re.compile(r"gpt-[56]"), 128_000),
    (re.compile(r"gpt-4\.1"), 32_768),
    (re.compile(r"(chatgpt-)?gpt-4o|chatgpt-4o"), 16_384),
    (re.compile(r"o[134](-|$)"), 100_000),
    (re.compile(r"gemini-4-argon"), 1_048_576),
    (re.compile(r"gemini-"), 65_536),
    (re.compile(r"deepseek-"), 393_216),
    (re.compile(r"mistral-|magistral-|codestral-"), 262_144),
)


def max_output_tokens(model: str, context_window: int | None) -> int:
    """Most output tokens of one answer of a model, by its name without prefixes."""
    for family, limit in _MAX_OUTPUT:
        if family.match(model.lower()):
            return limit
    return min(context_window or DEFAULT_CONTEXT, _DEFAULT_OUTPUT)
