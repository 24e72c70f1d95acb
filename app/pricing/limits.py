"""The most a model can answer with, and take in, where a request and the price table set no limit.

From `resources/prices/limits.json`, which `packaging/price_limits.py` makes; for names it does not have, by families,
first match wins (the providers' model pages). Where sources differ the larger number stands.
"""

import re
from functools import lru_cache

from app.pricing.price_table import bare_name
from app.pricing.resources import read_figures

DEFAULT_CONTEXT = 2_000_000
"""The largest context window sold by the providers we price."""
_DEFAULT_OUTPUT = 128_000
_REMEMBERED = 500
"""Answers that follow from a model's name alone."""
_DATE = re.compile(r"[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2}|default|latest)$")

_FAMILIES = (
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
_ALIASES = re.compile(r"deepseek-(chat|reasoner)|.*latest")
"""Names that pass from model to model: what the list says of them may be of an older one."""


@lru_cache(_REMEMBERED)
def max_output_tokens(model: str, context_window: int | None) -> int:
    """Most output tokens of one answer of a model, by its name without prefixes."""
    name = bare_name(model).lower().rpartition("/")[2]
    family = next((limit for pattern, limit in _FAMILIES if pattern.match(name)), None)
    listed = _listed(name)
    if listed is not None and not _ALIASES.fullmatch(name):
        return listed[0]
    known = [limit for limit in (family, listed[0] if listed else None) if limit is not None]
    return max(known, default=min(context_window or DEFAULT_CONTEXT, _DEFAULT_OUTPUT))


@lru_cache(_REMEMBERED)
def max_input_tokens(model: str) -> int | None:
    """Most input tokens of a model by the list; None where it does not tell."""
    listed = _listed(bare_name(model).lower().rpartition("/")[2])
    return listed[1] or None if listed else None


def _listed(name: str) -> list[int] | None:
    models = read_figures("limits")["models"]
    found: list[int] | None = models.get(name) or models.get(_DATE.sub("", name))
    return found
