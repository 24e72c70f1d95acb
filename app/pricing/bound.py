"""The most a call can cost, known before it is sent: what is held of every cap it falls under.

A bound that is too low lets money past a cap; one too high makes agents wait. So each part takes the dearest reading
that the request allows, and no dearer one.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from app.core.exchange import RequestFacts
from app.core.money import MAX_NANO_USD, nano_ceiling
from app.core.usage import Usage
from app.pricing.limits import DEFAULT_CONTEXT, max_output_tokens
from app.pricing.modifiers import Modifier, modifier_for, region_factor, search_fee
from app.pricing.rows import Row, find_row

_HIDDEN_TOKENS = 2048
"""What a provider adds unseen where tools are given; the largest seen in recordings is 1,528."""
_ROUNDS_TOKENS = 600_000
"""A provider that searches reads the conversation again after each search, and bills the sum. No page names a limit;
the largest sum seen in recordings is 494,549, with a window of 200,000."""


def worst_case(*, provider: str, facts: RequestFacts, started_at: datetime, host: str = "") -> int | None:
    """Nano-dollars that a call costs at most, rounded up; None when its model or tier has no price.

    Assumes that a text has no more tokens than bytes, which holds for tokenizers that work on bytes.
    """
    row = find_row(provider, facts.model)
    if row is None:
        return None
    asked = modifier_for(row, provider, tier=facts.service_tier, speed=facts.speed, at=started_at)
    if asked is None:
        return None
    # A provider may answer in the standard tier whatever was asked, so both are looked at.
    dearest = max(_tokens_usd(row, facts, started_at, modifier) for modifier in (asked, Modifier({})))
    usd = dearest + _fees_usd(row, provider, facts, started_at)
    nano = nano_ceiling(usd * region_factor(provider, region=facts.region, host=host))
    return min(nano, MAX_NANO_USD)


def _tokens_usd(row: Row, facts: RequestFacts, at: datetime, modifier: Modifier) -> Decimal:
    """Input in its dearest class and output in its dearest, at the tier of the whole input."""
    given, made = input_bound(row, facts), output_bound(row, facts)
    inputs = max(row.price(usage, at, modifier.context) for usage in _input_classes(row, facts, given, at))
    base = row.price(Usage(input_tokens=given), at, modifier.context)
    both = [row.price(usage, at, modifier.context) for usage in _output_classes(row, given, made, at)]
    outputs = max(both) - base
    if row.is_image_maker(at):
        outputs = max(outputs, row.image_price(made, at, modifier.context))
    return (inputs + outputs) * modifier.factor


def input_bound(row: Row, facts: RequestFacts) -> int:
    """Most tokens of input: the bytes of the body where they bound it, and never more than the context window.

    With searches the sum over their rounds, by experience: the one part of the bound that is not certain.
    """
    window = row.context_window or DEFAULT_CONTEXT
    if facts.max_web_searches:
        return max(window, _ROUNDS_TOKENS)
    return min(facts.body_bytes + _HIDDEN_TOKENS, window) if facts.is_input_bounded else window


def output_bound(row: Row, facts: RequestFacts) -> int:
    """Most tokens of output: the request's limit, else the model's, for each answer asked for."""
    limit = facts.output_limit
    if limit is None:
        limit = max_output_tokens(row.model.id, row.context_window)
    return limit * facts.choices


def _input_classes(row: Row, facts: RequestFacts, tokens: int, at: datetime) -> Iterator[Usage]:
    """The plain class, and each dearer one that the request allows. OpenAI writes its cache unasked."""
    yield Usage(input_tokens=tokens)
    if facts.cache_write or (row.provider.id == "openai" and row.has_price("cache_write_tokens", at)):
        hour = tokens if facts.cache_write == "1h" else None
        yield Usage(input_tokens=tokens, cache_write_tokens=tokens, cache_write_1h_tokens=hour)
    if not facts.is_input_bounded and row.has_price("input_audio_tokens", at):
        yield Usage(input_tokens=tokens, input_audio_tokens=tokens)


def _output_classes(row: Row, given: int, made: int, at: datetime) -> Iterator[Usage]:
    yield Usage(input_tokens=given, output_tokens=made)
    if row.has_price("output_audio_tokens", at):
        yield Usage(input_tokens=given, output_tokens=made, output_audio_tokens=made)


def _fees_usd(row: Row, provider: str, facts: RequestFacts, at: datetime) -> Decimal:
    """Fees of the searches the request allows, at the row's price or ours."""
    if not facts.max_web_searches:
        return Decimal(0)
    if row.has_price("web_searches", at):
        return row.price(Usage(web_searches=facts.max_web_searches), at, {})
    return facts.max_web_searches * (search_fee(provider) or Decimal(0))
