"""One row of the price table: genai-prices' record of a model, and our counts in its words.

genai-prices is imported at the first look-up: it takes a third of a second, which neither `--help` nor the start of the
meter should wait for.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from app.core.usage import Usage

if TYPE_CHECKING:
    from genai_prices import types
    from genai_prices.data_snapshot import DataSnapshot

_PREFIXES = ("models/", "publishers/google/models/", "publishers/anthropic/models/")
_FEE_KEYS = {"web_searches": "web_searches_kcount"}
_CLASS_KEYS = {
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "input_audio_tokens": "input_audio_mtok",
    "output_audio_tokens": "output_audio_mtok",
}


@cache
def price_version() -> str:
    """Which price data amounts are computed with, as it stands beside them in the ledger."""
    return f"genai-prices {version('genai-prices')}"


@dataclass(frozen=True, slots=True)
class Row:
    """A model as one provider sells it."""

    provider: "types.Provider"
    model: "types.ModelInfo"

    @property
    def context_window(self) -> int | None:
        """Most tokens of input; None where the table does not tell."""
        return self.model.context_window

    def price(self, usage: Usage, at: datetime, context: dict[str, str]) -> Decimal:
        """Dollars of these counts. `context` chooses a variant; one the row does not have changes nothing.

        What was not said counts as 0: the caller says what that is worth. Raises ValueError for counts it cannot take.
        """
        counts = _counts(usage)
        calculation = self.model.calc_price(
            counts, self.provider, genai_request_timestamp=at, price_context=context or None
        )
        return calculation.total_price

    def has_variant(self, at: datetime, context: dict[str, str]) -> bool:
        """Whether the row has prices of its own for this context, other than the standard ones.

        A row borrowed from another provider has none: the table leaves the context out of its calculation.
        """
        if not any(self.model is own for own in self.provider.models):
            return False
        return self.model.get_prices(at, context) != self.model.get_prices(at)

    def has_price(self, field: str, at: datetime) -> bool:
        """Whether a class of tokens or a fee of `Usage` has a price of its own in the row."""
        key = _CLASS_KEYS.get(field) or _FEE_KEYS[field]
        return getattr(self.model.get_prices(at), key) is not None

    def is_image_maker(self, at: datetime) -> bool:
        """Whether the row has a price for pictures made: our counts do not tell them from text."""
        return self.model.get_prices(at).output_image_mtok is not None

    def image_price(self, tokens: int, at: datetime, context: dict[str, str]) -> Decimal:
        """Dollars of that many tokens of output, were they all a picture."""
        from genai_prices.types import Usage as Counts

        counts = Counts(input_tokens=0, output_tokens=tokens, output_image_tokens=tokens)
        calculation = self.model.calc_price(
            counts, self.provider, genai_request_timestamp=at, price_context=context or None
        )
        return calculation.total_price


@lru_cache(maxsize=512)
def find_row(provider: str, model: str) -> Row | None:
    """The row of a model at a provider, both by our names; None where the table has none.

    Looked up by provider id, never by address: the table's address patterns match look-alike hosts.
    """
    name = model.strip()
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    if not name:
        return None
    try:
        found, info = _snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return None
    return Row(found, info)


@cache
def _snapshot() -> "DataSnapshot":
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


def _counts(usage: Usage) -> "types.Usage":
    """Our counts in the table's words. Parts larger than their whole raise the whole: the dearer reading."""
    from genai_prices.types import Usage as Counts

    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    heard, spoken = usage.input_audio_tokens or 0, usage.output_audio_tokens or 0
    heard_again = min(usage.cache_audio_read_tokens or 0, read, heard)
    audio_alone = heard - heard_again
    return Counts(
        input_tokens=max(usage.input_tokens or 0, read + written + audio_alone),
        output_tokens=max(usage.output_tokens or 0, spoken),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(usage.cache_write_1h_tokens or 0, written),
        input_audio_tokens=heard,
        output_audio_tokens=spoken,
        cache_audio_read_tokens=heard_again,
        web_searches=usage.web_searches or 0,
    )
