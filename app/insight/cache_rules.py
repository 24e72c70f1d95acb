"""When providers cache input: how long it must be, how long it is kept, and whether it has to be asked for.

From the providers' own pages on prompt caching, as they stood in autumn 2026. Anthropic (platform.claude.com,
build-with-claude/prompt-caching; the same for Claude at Bedrock and Vertex): only what a request marks, for 5 minutes
or an hour from the start of the last request that read it; 512 to 4,096 tokens at least, by model. OpenAI
(developers.openai.com, guides/prompt-caching): by itself, from 1,024 tokens on; kept for 5 to 10 minutes without use
and an hour at most, for 24 hours where asked for, from GPT-5.6 on for 30 minutes at least. Google (ai.google.dev,
gemini-api/docs/caching): by itself, from 2,048 tokens on up to Gemini 2.5 and from 4,096 on since; for how long it does
not say, only "in a short amount of time", which is taken as 5 minutes here. Makers who say nothing are taken like
OpenAI's older models.
"""

import re
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CacheRule:
    """`minimum_tokens` of input are cached at least, for `life` since they were last sent. `is_promised`: the provider
    says that it keeps them for so long. `must_be_asked`: it caches only what a request marks."""

    minimum_tokens: int
    life: timedelta
    is_promised: bool = False
    must_be_asked: bool = False


_SHORT = timedelta(minutes=5)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_CLAUDE_MINIMA = (
    (re.compile(r"(?:opus|fable|mythos)-5"), 512),
    (re.compile(r"opus-4-7|haiku-3|3-5-haiku|3-haiku"), 2_048),
    (re.compile(r"opus-4-[56]|haiku-4-5"), 4_096),
    (re.compile(""), 1_024),
)
_GEMINI_TO_2 = re.compile(r"gemini-[12]\b")
_GPT_WITH_WRITES = re.compile(r"gpt-(?:5\.(?:[6-9]|\d\d)|[6-9]|\d\d)")


def cache_rule(model: str, asked: str) -> CacheRule:
    """The rule for a model, by its name on the wire, and for how long a request asked for ("5m", "1h"), if it did."""
    name, life = model.lower(), _UNITS[asked[-1]] * int(asked[:-1]) if asked else None
    if "claude" in name:
        dashed = name.replace(".", "-")
        least = next(tokens for pattern, tokens in _CLAUDE_MINIMA if pattern.search(dashed))
        return CacheRule(least, life or _SHORT, is_promised=True, must_be_asked=True)
    if "gemini" in name:
        return CacheRule(2_048 if _GEMINI_TO_2.search(name) else 4_096, _SHORT)
    if _GPT_WITH_WRITES.search(name):
        return CacheRule(1_024, life or timedelta(minutes=30), is_promised=True)
    return CacheRule(1_024, life or _SHORT)
