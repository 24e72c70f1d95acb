"""The columns of the table of prices, and which of them a search finds."""

from collections.abc import Callable
from decimal import Decimal

from app.core.money import UNKNOWN
from app.core.wording import counted
from app.desktop.formats import day, token_count
from app.desktop.models.columns import Clock
from app.desktop.models.rows import Column
from app.pricing.wording import rate_usd
from app.services.price_list import PriceLine

NO_PRICE = "No price"
_LEAST = Decimal("0.0001")


def price_columns(clock: Clock) -> list[Column[PriceLine]]:
    """Models and what they cost."""
    return [
        Column(
            "Model", lambda line: _model(line.model), ink="text", is_strong=True, grows=True, gives_way=True,
            hint=lambda line: line.model, mark=_mark, ink_of=lambda line: "near_text" if line.calls else "text",
        ),
        Column("Provider", lambda line: line.provider_words, hint=lambda line: line.provider),
        _amount("In", lambda line: line.amounts.given),
        _amount("Cached", lambda line: line.amounts.cached),
        _amount("Write", lambda line: line.amounts.written),
        _amount("Out", lambda line: line.amounts.made),
        Column("Source", _source, gives_way=True, hint=_source_hint, spoken=_spoken_source),
        Column("Date", lambda line: _day(line, clock), hint=lambda line: _exact_day(line, clock)),
    ]  # fmt: skip


def matches(line: PriceLine, search: str) -> bool:
    """Whether every word of a search stands in the line."""
    text = f"{line.model} {line.provider_words} {line.provider} {_source(line)}".lower()
    return all(word in text for word in search.lower().split())


def unpriced_words(count: int) -> str:
    """What it means that models have no price; empty where all have one."""
    if not count:
        return ""
    verb = "has" if count == 1 else "have"
    return f"{counted(count, 'model')} {verb} no price. Their calls are shown as unknown, never as $0."


def _amount(title: str, amount_of: Callable[[PriceLine], Decimal | None]) -> Column[PriceLine]:
    return Column(
        title, lambda line: short_rate(amount_of(line)), is_amount=True, ink="text",
        hint=lambda line: "" if amount_of(line) is None else f"{rate_usd(amount_of(line))} for a million tokens",
        spoken=lambda line: "unknown" if amount_of(line) is None else rate_usd(amount_of(line)),
    )  # fmt: skip


def short_rate(amount: Decimal | None) -> str:
    """A rate with the decimals that count: `$3.00`, `$0.0125`, `<$0.0001`; a dash where there is none. Some tables hold
    thirds and taxes to the twentieth decimal."""
    if amount is None:
        return UNKNOWN
    if 0 < amount < _LEAST:
        return f"<${_LEAST}"
    text = f"{amount.quantize(_LEAST):,f}"
    return f"${text[:-2]}{text[-2:].rstrip('0')}"


def _model(model: str) -> str:
    return "All models" if model == "*" else model


def _mark(line: PriceLine) -> str:
    if line.calls:
        return "question"
    return "dot" if line.is_own else ""


def _source(line: PriceLine) -> str:
    return NO_PRICE if line.calls else line.source


def _source_hint(line: PriceLine) -> str:
    if line.calls:
        return f"No price is known for this model. {counted(line.calls, 'call')}, {token_count(line.tokens)} tokens."
    return line.source


def _spoken_source(line: PriceLine) -> str:
    return "your own price" if line.is_own else _source(line)


def _day(line: PriceLine, clock: Clock) -> str:
    if line.day is None:
        return UNKNOWN
    local = line.day.astimezone(clock.zone)
    return day(local) if local.year == clock.now.astimezone(clock.zone).year else f"{day(local)}, {local.year}"


def _exact_day(line: PriceLine, clock: Clock) -> str:
    return "" if line.day is None else clock.exactly(line.day)
