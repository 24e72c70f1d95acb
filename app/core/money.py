"""Money as whole nano-dollars (10⁻⁹ USD), and how amounts are read and written.

`Decimal` appears only where prices are multiplied and where a person types an amount; never a float. The formats are
those of the interface: `$1.50`, `<$0.01`, `$0.0042` on a call, `~$0.42` estimated, `—` unknown.
"""

import re
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from app.core.errors import InvalidInput

NANO_PER_USD = 1_000_000_000
NANO_PER_CENT = NANO_PER_USD // 100
MAX_NANO_USD = 2**62
"""More than four billion dollars: beyond it a signed 64-bit column would be at risk, so nothing larger is accepted."""

MAX_CALL_NANO_USD = 1_000_000 * NANO_PER_USD
"""A million dollars: no call costs as much. A larger amount is taken as this one, so that sums stay within 64 bits."""

UNKNOWN = "—"
MINUS = "−"
_TYPED = re.compile(r"\$?\s*(\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)", re.ASCII)
_CENTS_UP_TO = Decimal("9999.995")


def nano_from_decimal(usd: Decimal) -> int:
    """Nearest nano-dollar of an amount in dollars, half to even: for settling."""
    return int((usd * NANO_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def nano_ceiling(usd: Decimal) -> int:
    """The amount in nano-dollars, rounded up: for holding, where too little would break a cap."""
    return int((usd * NANO_PER_USD).to_integral_value(ROUND_CEILING))


def decimal_from_nano(nano_usd: int) -> Decimal:
    """Dollars of a whole number of nano-dollars, exactly."""
    return Decimal(nano_usd) / NANO_PER_USD


def parse_usd(text: str) -> int:
    """Nano-dollars of what a person typed: `5`, `$2.50`, `1,200.00`. Raises InvalidInput, saying what is accepted.

    A comma only groups thousands: `2,50`, which many people write for two and a half, is not read as 250.
    """
    typed = _TYPED.fullmatch(text.strip())
    usd = Decimal(typed[1].replace(",", "")) if typed else Decimal(0)
    if usd <= 0:
        raise InvalidInput("Not an amount", f"“{text.strip()[:40]}” is not an amount above $0. Write it like 2.50.")
    if usd > decimal_from_nano(MAX_NANO_USD):
        raise InvalidInput("The amount is too large", "A limit is at most $4,000,000,000.")
    nano = usd * NANO_PER_USD
    if nano != nano.to_integral_value():
        raise InvalidInput("Too many decimals", "An amount has at most nine decimals.")
    return int(nano)


def format_usd(nano_usd: int | None) -> str:
    """An amount in a list or a figure: `$1.50`, `$1,234.56`, `$12,345` from ten thousand on, `<$0.01`, `—` unknown."""
    if nano_usd is None:
        return UNKNOWN
    if nano_usd < 0:
        return MINUS + format_usd(-nano_usd)
    if 0 < nano_usd < NANO_PER_CENT:
        return "<$0.01"
    usd = decimal_from_nano(nano_usd)
    return f"${usd:,.0f}" if usd >= _CENTS_UP_TO else f"${usd:,.2f}"


def format_call_usd(nano_usd: int | None) -> str:
    """An amount on a single call: four decimals under a cent (`$0.0042`), else as in a list."""
    if nano_usd is None or not 0 < nano_usd < NANO_PER_CENT:
        return format_usd(nano_usd)
    usd = decimal_from_nano(nano_usd)
    return f"${usd:.4f}" if usd >= Decimal("0.0001") else "<$0.0001"


def format_sum(cost_nano_usd: int, *, unpriced_calls: int, estimated_calls: int) -> str:
    """A sum with its basis: `$1.50`, `~$0.42` with an estimated part, `$1.50+` with calls of unknown price."""
    if unpriced_calls and not cost_nano_usd:
        return format_usd(None)
    return f"{'~' if estimated_calls else ''}{format_usd(cost_nano_usd)}{'+' if unpriced_calls else ''}"


def format_exact_usd(nano_usd: int) -> str:
    """All decimals that there are and at least two: for scripts, where nothing may be rounded away."""
    text = f"{decimal_from_nano(nano_usd):.9f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"
