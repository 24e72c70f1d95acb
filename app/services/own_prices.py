"""Prices as a person types them."""

from decimal import Decimal, InvalidOperation

from app.core.errors import InvalidInput
from app.core.tags import clean_label

MOST_USD = Decimal(1_000_000)
"""No million tokens cost as much."""
MOST_FACTOR = Decimal(100)


def parse_rate(text: str) -> Decimal:
    """Dollars that may be 0. Raises InvalidInput."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= MOST_USD):
        raise InvalidInput("Not an amount", f"“{clean_label(text)[:40]}” is not an amount. Write it like 2.50.")
    return amount


def parse_factor(text: str) -> Decimal:
    """A factor on the price in the table. Raises InvalidInput."""
    try:
        factor = Decimal(text.strip())
    except InvalidOperation:
        factor = Decimal(-1)
    if not (factor.is_finite() and 0 < factor <= MOST_FACTOR):
        raise InvalidInput("Not a factor", "A factor is a number above 0, like 0.85. What costs nothing is free.")
    return factor
