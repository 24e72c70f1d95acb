"""Prices a person set: rates of their own, a negotiated factor, or nothing for a server of their own.

An override applies to calls whose provider, model and host match its patterns (`*` and `?` as in file names), while it
is in effect. Of several the most precise counts, and of equally precise ones the newest. It never touches a cost that
the provider itself reported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from app.core.usage import Usage

ANY = "*"
_PER_MILLION = Decimal(1_000_000)
_PER_THOUSAND = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars for a million tokens of each class, and for a thousand web searches.

    What is not given costs what holds it: cache reads and writes as input, 1 hour writes as writes. A search without a
    rate of its own costs what it does without the override.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    web_search: Decimal | None = None

    def tokens_usd(self, usage: Usage) -> Decimal:
        """Dollars of the tokens. Parts larger than their whole raise the whole."""
        read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        hour = min(usage.cache_write_1h_tokens or 0, written)
        plain = max(0, (usage.input_tokens or 0) - read - written)
        write = self.input if self.cache_write is None else self.cache_write
        total = plain * self.input + (usage.output_tokens or 0) * self.output
        total += read * (self.input if self.cache_read is None else self.cache_read)
        total += (written - hour) * write + hour * (write if self.cache_write_1h is None else self.cache_write_1h)
        return total / _PER_MILLION

    def searches_usd(self, searches: int) -> Decimal | None:
        """Dollars of so many searches; None where these rates say nothing about them."""
        return None if self.web_search is None else searches * self.web_search / _PER_THOUSAND


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """One of `rates` and `factor` is set. A factor of 0 makes calls free, also those of models nobody has a price for.

    In effect from `starts_at` on and before `ends_at`, both aware; None leaves that side open.
    """

    override_id: str
    created_at: datetime
    provider: str = ANY
    model: str = ANY
    host: str = ANY
    rates: Rates | None = None
    factor: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.rates is None) == (self.factor is None):
            raise ValueError("an override has either rates or a factor")

    @property
    def is_free(self) -> bool:
        """Whether calls cost nothing."""
        return self.factor == 0

    def applies_to(self, provider: str, model: str, host: str, at: datetime) -> bool:
        """Whether a call is one of those it was set for. Letter case does not matter."""
        has_begun = self.starts_at is None or self.starts_at <= at
        is_over = self.ends_at is not None and self.ends_at <= at
        pairs = ((provider, self.provider), (model, self.model), (host, self.host))
        return has_begun and not is_over and all(fnmatchcase(one.lower(), pattern.lower()) for one, pattern in pairs)

    @property
    def precision(self) -> tuple[int, int, int]:
        """How closely it says which calls it means: by its host first, then by the model, then by the provider."""
        return _closeness(self.host), _closeness(self.model), _closeness(self.provider)


def _closeness(pattern: str) -> int:
    """0 for any, more for each letter that is said, most for a name without wildcards."""
    letters = sum(letter not in "*?" for letter in pattern)
    return letters if letters < len(pattern) else 1000 + letters


def override_for(
    overrides: Iterable[PriceOverride], *, provider: str, models: Iterable[str], host: str, at: datetime
) -> PriceOverride | None:
    """The override that counts for a call whose model goes by any of these names; None where none does."""
    names = [model for model in models if model] or [""]
    matching = [one for one in overrides if any(one.applies_to(provider, name, host, at) for name in names)]
    return max(matching, key=lambda one: (one.precision, one.created_at, one.override_id), default=None)
