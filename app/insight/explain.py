"""Why one task cost more than another, in nano-dollars that add up.

Method. Only calls that completed and have a price are taken apart. A side of the comparison is described by five
factors: how many calls; tokens of input a call; which share of them was read from and written to the cache; tokens of
output a call; and the price: the list rates of its models, weighted by the tokens each took, plus whatever a call cost
beyond the rates (fees, tiers, long contexts, cache writes for an hour, a price that changed since). The cost of a side
is exactly

    calls x (input x ((1 - read - written) x fresh rate + read x read rate + written x write rate)
             + output x output rate + beyond).

Replacing the factors of one side by the other's one at a time gives each a part of the difference, but the parts depend
on the order. So each factor gets its mean over all 120 orders (its Shapley value): the parts do not depend on an order,
a factor in which the sides do not differ gets nothing, and they add up to the difference. Calls that failed, and calls
that were interrupted, are parts of their own by what they cost. All is computed in exact fractions; then each part is
rounded down to a nano-dollar, and those left over go one by one to the parts that lost most, in the listed order where
they lost the same. So the parts always sum to the difference, to the nano-dollar.

Limits. A typical task is the mean of the agent's other tasks: a side with fractions of calls, its cost rounded to the
nearest nano-dollar. When one side has no completed call with a price, all of the difference stands under the number of
calls. The parts say what the money went to, not why the agent did it: a cache that expired and a system prompt that
changed both stand under the cache share. Calls without a price are counted beside the sum and are in no part. A model
without a list price has rates of zero, so its cost beyond them stands under calls and price.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from math import factorial, floor

from app.core.call_sum import CallSum, ClassRates, RateCard

_FREE = ClassRates(Fraction(0), Fraction(0), Fraction(0), Fraction(0), Fraction(0))


class Cause(StrEnum):
    """What a part of the difference is due to, in the order they are listed."""

    CALLS = "number of calls"
    INPUT = "input length"
    CACHE = "cache share"
    OUTPUT = "output length"
    PRICE = "model and price"
    FAILED = "failed calls"
    INTERRUPTED = "interrupted calls"


_FACTORS = (Cause.CALLS, Cause.INPUT, Cause.CACHE, Cause.OUTPUT, Cause.PRICE)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison, by averages. `calls` may be a fraction; tokens are those of one call.

    `beyond` is what a call cost on top of the rates, in nano-dollars. `cost_nano_usd` is that of completed calls.
    """

    calls: Fraction = Fraction(0)
    input_tokens: Fraction = Fraction(0)
    read_share: Fraction = Fraction(0)
    write_share: Fraction = Fraction(0)
    output_tokens: Fraction = Fraction(0)
    rates: ClassRates = _FREE
    beyond: Fraction = Fraction(0)
    cost_nano_usd: int = 0
    failed_nano_usd: int = 0
    interrupted_nano_usd: int = 0
    unpriced_calls: Fraction = Fraction(0)

    @property
    def whole_nano_usd(self) -> int:
        """With what failed and was interrupted."""
        return self.cost_nano_usd + self.failed_nano_usd + self.interrupted_nano_usd


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the difference, in nano-dollars; below 0 where it made the task cheaper."""

    cause: Cause
    nano_usd: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The difference between two sides, `mine` less `other`, and the parts that sum to it, in the order of `Cause`."""

    mine: Side
    other: Side
    parts: tuple[Part, ...]

    @property
    def difference_nano_usd(self) -> int:
        """How much more `mine` cost."""
        return self.mine.whole_nano_usd - self.other.whole_nano_usd


def side_of(sums: Iterable[CallSum], card: RateCard, *, tasks: int = 1) -> Side:
    """The mean of `tasks` tasks, which these sums are of; with 1 the one task as it is."""
    all_sums = list(sums)
    cost = _nearest(sum(one.cost_nano_usd for one in all_sums), tasks)
    failed = _nearest(sum(one.failed_nano_usd for one in all_sums), tasks)
    interrupted = _nearest(sum(one.interrupted_nano_usd for one in all_sums), tasks)
    unpriced = Fraction(sum(one.unpriced_calls for one in all_sums), tasks)
    made = [one for one in all_sums if one.calls]
    if not made:
        return Side(failed_nano_usd=failed, interrupted_nano_usd=interrupted, unpriced_calls=unpriced)
    calls, taken = sum(one.calls for one in made), sum(one.input_tokens for one in made)
    bare = Side(
        calls=Fraction(calls, tasks),
        input_tokens=Fraction(taken, calls),
        read_share=_share(sum(one.cache_read_tokens for one in made), taken),
        write_share=_share(sum(one.cache_write_tokens for one in made), taken),
        output_tokens=Fraction(sum(one.output_tokens for one in made), calls),
        rates=_blended(made, card),
        cost_nano_usd=cost,
        failed_nano_usd=failed,
        interrupted_nano_usd=interrupted,
        unpriced_calls=unpriced,
    )
    beyond = (cost - _value([bare] * len(_FACTORS))) / bare.calls
    return replace(bare, beyond=beyond)


def explain(mine: Side, other: Side) -> Explanation:
    """Where the difference between two sides comes from."""
    if mine.calls and other.calls:
        exact = _shapley(lambda own: _value([mine if factor in own else other for factor in _FACTORS]))
    else:
        exact = {Cause.CALLS: Fraction(mine.cost_nano_usd - other.cost_nano_usd)}
    whole = _whole([exact.get(factor, Fraction(0)) for factor in _FACTORS], mine.cost_nano_usd - other.cost_nano_usd)
    parts = [Part(factor, nano) for factor, nano in zip(_FACTORS, whole, strict=True)]
    parts.append(Part(Cause.FAILED, mine.failed_nano_usd - other.failed_nano_usd))
    parts.append(Part(Cause.INTERRUPTED, mine.interrupted_nano_usd - other.interrupted_nano_usd))
    return Explanation(mine, other, tuple(parts))


def _value(sides: Sequence[Side]) -> Fraction:
    """Nano-dollars of a task that takes each factor from the side at its place."""
    calls, given, cache, made, price = sides
    rates = price.rates
    fresh = 1 - cache.read_share - cache.write_share
    token = fresh * rates.fresh + cache.read_share * rates.cache_read + cache.write_share * rates.cache_write
    return calls.calls * (given.input_tokens * token + made.output_tokens * rates.output + price.beyond)


def _shapley(value: Callable[[frozenset[Cause]], Fraction]) -> dict[Cause, Fraction]:
    """Each factor's mean part over all orders in which the factors can be replaced."""
    count = len(_FACTORS)
    sets = [frozenset(some) for size in range(count + 1) for some in combinations(_FACTORS, size)]
    values = {some: value(some) for some in sets}
    parts = dict.fromkeys(_FACTORS, Fraction(0))
    for some in sets[:-1]:
        orders = factorial(len(some)) * factorial(count - len(some) - 1)
        for factor in _FACTORS:
            if factor not in some:
                parts[factor] += Fraction(orders, factorial(count)) * (values[some | {factor}] - values[some])
    return parts


def _whole(parts: Sequence[Fraction], total: int) -> list[int]:
    """The parts as whole numbers that sum to `total`, which is their sum: by largest remainder."""
    floors = [floor(part) for part in parts]
    lost = sorted(range(len(parts)), key=lambda place: floors[place] - parts[place])
    for place in lost[: total - sum(floors)]:
        floors[place] += 1
    return floors


def _blended(made: Sequence[CallSum], card: RateCard) -> ClassRates:
    """Rates by the tokens that each model took of a class; by its calls where none took any."""

    def blend(rate: str, tokens: Callable[[CallSum], int]) -> Fraction:
        weights = [tokens(one) for one in made]
        if not any(weights):
            weights = [one.calls for one in made]
        rates = [getattr(card.get((one.provider, one.model), _FREE), rate) for one in made]
        return sum((each * weight for each, weight in zip(rates, weights, strict=True)), Fraction(0)) / sum(weights)

    return ClassRates(
        fresh=blend("fresh", lambda one: max(0, one.input_tokens - one.cache_read_tokens - one.cache_write_tokens)),
        cache_read=blend("cache_read", lambda one: one.cache_read_tokens),
        cache_write=blend("cache_write", lambda one: one.cache_write_tokens),
        cache_write_1h=blend("cache_write_1h", lambda one: one.cache_write_1h_tokens),
        output=blend("output", lambda one: one.output_tokens),
    )


def _share(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


def _nearest(total: int, count: int) -> int:
    """The mean, rounded half to even."""
    return round(Fraction(total, count))
