"""What changes a price beside the model: the tier, the speed, the region, fees the table does not know.

The table silently gives the standard price for a tier it has no row for. So each modifier is looked up, and where the
table has nothing it comes from the few factors here, each with its source, or the call is left unpriced.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.pricing.rows import Row

_STANDARD = frozenset({"", "default", "auto", "standard", "standard_only", "scale", "unspecified"})
_ALIASES = {"fast": "priority"}
"""OpenAI: a request may say `fast`, the answer says `priority`."""

_DISCOUNTS = frozenset({"flex", "batch", "offpeak", "provisioned_throughput"})
"""Never dearer than standard: where the table has no row, standard is the most it can be."""

_FACTORS = {
    # OpenAI's model page: three times standard on GPT-6.2 Sol until 28 February 2027, six times after and elsewhere.
    ("openai", "ultrafast"): Decimal(6),
    # OpenAI's price page: priority is twice standard, 2.5 times for the GPT-5.5 family.
    ("openai", "priority"): Decimal("2.5"),
    # Google: priority is 75 to 100 % above standard.
    ("google", "priority"): Decimal(2),
    # Anthropic sells priority capacity ahead, at the standard rate or below.
    ("anthropic", "priority"): Decimal(1),
    # Anthropic's fast mode page: twice standard, six times for Opus 4.6.
    ("anthropic", "speed fast"): Decimal(6),
}
_SEARCH_FEES = {
    # Dollars for one search, from the providers' price pages; Gemini's dearer one is of the 2.5 family.
    "anthropic": Decimal("0.01"),
    "openai": Decimal("0.01"),
    "google": Decimal("0.035"),
}
_REGION_FACTOR = Decimal("1.1")
"""Anthropic for `inference_geo: us`, OpenAI for its eu. and us. hosts: 10 % above."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """`context` chooses the table's variant, `factor` comes on top. `is_exact` is False where the factor is a bound."""

    context: dict[str, str]
    factor: Decimal = Decimal(1)
    is_exact: bool = True


def modifier_for(row: Row, provider: str, *, tier: str, speed: str, at: datetime) -> Modifier | None:
    """What a tier and a speed do to the price of a row; None where nobody knows."""
    context: dict[str, str] = {}
    factor, is_exact = Decimal(1), True
    for name, choice in _choices(tier, speed):
        if row.has_variant(at, choice):
            context |= choice
        elif name in _DISCOUNTS:
            is_exact = False
        elif (provider, name) in _FACTORS:
            factor, is_exact = factor * _FACTORS[provider, name], False
        else:
            return None
    return Modifier(context, factor, is_exact)


def _choices(tier: str, speed: str) -> list[tuple[str, dict[str, str]]]:
    """Names of what is not standard, each with the words the table would know it by."""
    tier, speed = _ALIASES.get(tier.lower(), tier.lower()), speed.lower()
    choices = []
    if tier not in _STANDARD:
        choices.append((tier, {"processing": "batch"} if tier == "batch" else {"service_tier": tier}))
    if speed not in _STANDARD:
        choices.append((f"speed {speed}", {"speed": speed}))
    return choices


def search_fee(provider: str) -> Decimal | None:
    """Dollars of one search where the table's row has no price for it; None where it is not known."""
    return _SEARCH_FEES.get(provider)


def region_factor(provider: str, *, region: str, host: str) -> Decimal:
    """What the place where the model ran does to the price."""
    is_placed = (provider == "anthropic" and region == "us") or (
        provider == "openai" and host.lower().startswith(("eu.", "us."))
    )
    return _REGION_FACTOR if is_placed else Decimal(1)
