"""A stretch of time looked at: who spent it and how that changed, what it bought, and what a task cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from math import floor

from app.core.call_sum import ClassRates, RateCard
from app.core.spend_group import SpendGroup
from app.core.tags import Scope


@dataclass(frozen=True, slots=True)
class LabelShare:
    """What one label came to. `before_nano_usd` is what it came to in the stretch before, None where nothing at all was
    spent in that."""

    label: str
    nano_usd: int
    unpriced_calls: int
    total_nano_usd: int
    before_nano_usd: int | None

    @property
    def percent(self) -> int:
        """Its share of all that was spent, rounded."""
        return _rounded(self.nano_usd * 100, self.total_nano_usd) if self.total_nano_usd else 0


@dataclass(frozen=True, slots=True)
class TaskAverage:
    """What a task cost, rounded down."""

    tasks: int
    mean_nano_usd: int
    median_nano_usd: int


class TokenClass(StrEnum):
    """What spend buys, in the words for it. The first five are tokens."""

    OUTPUT = "Output"
    CACHE_READ = "Cache read"
    FRESH = "Input, not cached"
    CACHE_WRITE = "Cache write"
    REASONING = "Reasoning"
    WEB_SEARCH = "Web searches"
    UNTOLD = "Not told apart"


TOKENS = tuple(TokenClass)[:5]
type _Sums = dict[str, int]
_SUMMED = tuple(one.name for one in fields(SpendGroup) if one.type is int)


@dataclass(frozen=True, slots=True)
class ClassSpend:
    """What one class came to: tokens or searches (none where it is not told apart), and their part of the cost; None
    where there are some and no list price weighs any of them."""

    kind: TokenClass
    count: int
    nano_usd: int | None


def label_shares(now: Iterable[SpendGroup], before: Iterable[SpendGroup], by: Scope) -> tuple[LabelShare, ...]:
    """What each label of one scope came to, dearest first; those of which nothing is known last."""
    spent, unpriced, earlier = dict[str, int](), dict[str, int](), dict[str, int]()
    for group in now:
        label = group.label(by)
        spent[label] = spent.get(label, 0) + group.cost_nano_usd
        unpriced[label] = unpriced.get(label, 0) + group.unpriced_calls
    for group in before:
        earlier[group.label(by)] = earlier.get(group.label(by), 0) + group.cost_nano_usd
    total, had_any = sum(spent.values()), any(earlier.values())
    shares = [
        LabelShare(label, nano_usd, unpriced[label], total, earlier.get(label, 0) if had_any else None)
        for label, nano_usd in spent.items()
    ]
    return tuple(sorted(shares, key=lambda one: (-one.nano_usd, one.unpriced_calls > 0, one.label)))


def change_percent(now: int, before: int) -> int | None:
    """How much more than before, in whole percent, less below 0; None where there was nothing before."""
    return _rounded(now * 100, before) - 100 if before else None


def token_classes(groups: Iterable[SpendGroup], card: RateCard) -> tuple[ClassSpend, ...]:
    """What each class of tokens came to, in the order of `TokenClass`; their amounts add up to the cost exactly.

    The cost of each model is shared out as list prices weigh its tokens. What a model without a list price cost, or one
    that told no tokens, is not told apart; that class and the searches are left out where there are none.
    """
    counts, weighed, spent = (dict.fromkeys(TokenClass, 0) for _ in range(3))
    for (provider, model), sums in _by_model(groups).items():
        found = _counts(sums)
        weights = _weights(found, sums, card.get((provider, model)))
        for kind, count in found.items():
            counts[kind] += count
            weighed[kind] += count if weights else 0
        for kind, nano_usd in _shared_out(sums["cost_nano_usd"], weights).items():
            spent[kind] += nano_usd
    shown = (kind for kind in TokenClass if kind in TOKENS or counts[kind] or spent[kind])
    return tuple(
        ClassSpend(kind, counts[kind], spent[kind] if weighed[kind] or not counts[kind] else None) for kind in shown
    )


def task_average(costs: Sequence[int]) -> TaskAverage | None:
    """Mean and median of what tasks cost; None without any."""
    if not costs:
        return None
    ordered, half = sorted(costs), len(costs) // 2
    median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2
    return TaskAverage(len(ordered), sum(ordered) // len(ordered), median)


def apportion(total: int, weights: Sequence[Fraction]) -> list[int]:
    """A whole number shared out by weights, of which one at least is above 0: each part rounded down, and what is then
    left given to the largest remainders, the first of equals first."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [floor(share) for share in exact]
    order = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts


def _by_model(groups: Iterable[SpendGroup]) -> dict[tuple[str, str], _Sums]:
    found: dict[tuple[str, str], _Sums] = {}
    for group in groups:
        sums = found.setdefault((group.provider, group.model), dict.fromkeys(_SUMMED, 0))
        for name in _SUMMED:
            sums[name] += getattr(group, name)
    return found


def _counts(sums: _Sums) -> dict[TokenClass, int]:
    """Tokens of each class, each token in one; what a provider told twice is never less than nothing."""
    read, write = sums["cache_read_tokens"], sums["cache_write_tokens"]
    reasoning = min(sums["reasoning_tokens"], sums["output_tokens"])
    return {
        TokenClass.OUTPUT: sums["output_tokens"] - reasoning,
        TokenClass.CACHE_READ: read,
        TokenClass.FRESH: max(0, sums["input_tokens"] - read - write),
        TokenClass.CACHE_WRITE: write,
        TokenClass.REASONING: reasoning,
        TokenClass.WEB_SEARCH: sums["web_searches"],
    }


def _weights(counts: dict[TokenClass, int], sums: _Sums, rates: ClassRates | None) -> dict[TokenClass, Fraction]:
    if rates is None:
        return {}
    hour = min(sums["cache_write_1h_tokens"], counts[TokenClass.CACHE_WRITE])
    listed = {
        TokenClass.OUTPUT: rates.output,
        TokenClass.CACHE_READ: rates.cache_read,
        TokenClass.FRESH: rates.fresh,
        TokenClass.CACHE_WRITE: rates.cache_write,
        TokenClass.REASONING: rates.output,
        TokenClass.WEB_SEARCH: rates.web_search,
    }
    weights = {kind: counts[kind] * rate for kind, rate in listed.items()}
    weights[TokenClass.CACHE_WRITE] += hour * (rates.cache_write_1h - rates.cache_write)
    return weights


def _shared_out(cost_nano_usd: int, weights: dict[TokenClass, Fraction]) -> dict[TokenClass, int]:
    if not any(weights.values()):
        return {TokenClass.UNTOLD: cost_nano_usd}
    return dict(zip(weights, apportion(cost_nano_usd, list(weights.values())), strict=True))


def _rounded(number: int, divisor: int) -> int:
    return (2 * number + divisor) // (2 * divisor)
