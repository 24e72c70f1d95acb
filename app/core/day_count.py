"""One UTC day at one provider, counted three ways."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DayCount:
    """Calls and nano-dollars of a day as the meter saw them (`wire`), as agents' logs tell them (`log`), and as the
    provider billed them (None where no export names the day).

    `tied` are the calls that both meter and logs have; `log_only` those that no meter saw; `subscription` the metered
    ones that a subscription paid for, at list price, which stand on no bill. Sums hold known costs only.
    """

    day: date
    provider: str
    wire_calls: int = 0
    wire_nano_usd: int = 0
    wire_unpriced: int = 0
    wire_estimated: int = 0
    log_calls: int = 0
    log_nano_usd: int = 0
    log_unpriced: int = 0
    log_only_calls: int = 0
    log_only_nano_usd: int = 0
    tied_log_nano_usd: int = 0
    tied_wire_nano_usd: int = 0
    billed_nano_usd: int | None = None
    subscription_calls: int = 0
    subscription_nano_usd: int = 0

    @property
    def known_nano_usd(self) -> int:
        """What Bursar knows of the day: each call once, by the meter where it saw it, but for those on no bill."""
        return self.wire_nano_usd - self.subscription_nano_usd + self.log_only_nano_usd

    @property
    def drift_nano_usd(self) -> int | None:
        """What the provider billed beyond that; None where no export names the day."""
        return None if self.billed_nano_usd is None else self.billed_nano_usd - self.known_nano_usd
