"""Prices in words: a rate, which calls a price is for, and what they cost."""

from dataclasses import asdict
from decimal import Decimal

from app.core.money import UNKNOWN
from app.pricing.overrides import PriceOverride

_RATES = {
    "input": "in",
    "output": "out",
    "cache_read": "cache read",
    "cache_write": "cache write",
    "cache_write_1h": "cache write for an hour",
    "web_search": "a thousand searches",
}


def rate_usd(amount: Decimal | None) -> str:
    """Dollars with at least two decimals where there is one, and all that there are; a dash for none."""
    if amount is None:
        return UNKNOWN
    whole, dot, decimals = f"{amount:f}".partition(".")
    return f"${whole}{dot}{decimals.ljust(2, '0') if decimals else ''}"


def calls_of(override: PriceOverride) -> str:
    """Which calls a price is for: `gpt-* at openai`."""
    words = "all models" if override.model == "*" else override.model
    if override.provider != "*":
        words += f" at {override.provider}"
    return words if override.host == "*" else f"{words} on {override.host}"


def terms_of(override: PriceOverride) -> str:
    """What the calls cost: `$1.25 in, $10 out`."""
    if override.is_free:
        return "free"
    if override.factor is not None:
        return f"{override.factor} times the table"
    rates = asdict(override.rates) if override.rates else {}
    return ", ".join(f"{rate_usd(rate)} {_RATES[name]}" for name, rate in rates.items() if rate is not None)
