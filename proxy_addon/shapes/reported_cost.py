"""What a provider itself says that it charged, where it does: routers in dollars, Perplexity in parts, xAI in ticks."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.core.money import MAX_NANO_USD, NANO_PER_USD, nano_from_decimal
from proxy_addon.shapes.fields import mapping

_TICKS_PER_USD = 10_000_000_000
"""xAI's cost-tracking page."""
_MAX_USD = MAX_NANO_USD // NANO_PER_USD


def reported_cost(usage: Mapping[str, Any]) -> int | None:
    """Nano-dollars, None where the usage tells none.

    With a key of one's own at a router its `cost` is only the router's fee (OpenRouter's usage-accounting page), so
    what the provider behind it charged is added; where that is not told the cost is not known.
    """
    ticks = usage.get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and 0 <= ticks <= MAX_NANO_USD:
        return nano_from_decimal(Decimal(ticks) / _TICKS_PER_USD)
    fee = _nano(_whole(usage.get("cost")))
    if fee is None or usage.get("is_byok") is not True:
        return fee
    upstream = _nano(mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if upstream is None else fee + upstream


def _whole(cost: object) -> object:
    """Perplexity tells the parts of the cost and, among them, the whole (its API reference)."""
    return mapping(cost).get("total_cost") if isinstance(cost, dict) else cost


def _nano(usd: object) -> int | None:
    """NaN fails the comparison."""
    if not isinstance(usd, int | float) or isinstance(usd, bool) or not 0 <= usd < _MAX_USD:
        return None
    return nano_from_decimal(Decimal(str(usd)))
