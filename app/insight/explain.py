"""Why one task cost more than another, in nano-dollars that add up.

Method. Only calls that completed and have a price are taken apart. Each belongs to one strand: it carried a failed
tool's result back to the model; else it was a sub-agent's, a compaction, or asked on the side (a title, a summary);
else it is of the main conversation. What the web searches of the main conversation cost at list price is a strand of
its own; so is, for each cause, what it paid in full though it had been sent before, beyond reading it from the cache;
and so are calls that failed and calls that were interrupted, by what they cost. A strand's part of the difference is
what it cost on one side less what it cost on the other.

The main conversation, as it would have been without those strands, is described by five factors: how many calls; tokens
of input a call; which share of them was read from and written to the cache; tokens of output a call; and the price: the
list rates of its models, weighted by the tokens each took, plus whatever a call cost beyond the rates (tiers, long
contexts, cache writes for an hour, a price that changed since). Its cost is exactly

    calls x (input x ((1 - read - written) x fresh rate + read x read rate + written x write rate)
             + output x output rate + beyond).

Replacing the factors of one side by the other's one at a time gives each a part of the difference, but the parts depend
on the order. So each factor gets its mean over all 120 orders (its Shapley value): the parts do not depend on an order,
a factor in which the sides do not differ gets nothing, and they add up to the difference. All is computed in exact
fractions; then each part is rounded down to a nano-dollar, and those left over go one by one to the parts that lost
most, in the listed order where they lost the same. So the parts always sum to the difference, to the nano-dollar.

Limits. A typical task is the mean of the agent's other tasks: a side with fractions of calls, its costs rounded to the
nearest nano-dollar each. When one side has no call of the main conversation, all of that difference stands under the
number of calls. A call after a failed tool counts as such with all it cost, though it may have done other work as well.
Calls without a price are counted beside the sum and are in no part. A model without a list price has rates of zero, so
its cost beyond them stands under calls and price.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial, floor

from app.insight.causes import FACTORS, STRANDS, Cause
from app.insight.sides import Side, value_of


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

    @property
    def largest_first(self) -> tuple[Part, ...]:
        """The parts that are not nothing, by size."""
        return tuple(sorted((part for part in self.parts if part.nano_usd), key=lambda part: -abs(part.nano_usd)))


def explain(mine: Side, other: Side) -> Explanation:
    """Where the difference between two sides comes from."""
    gap = mine.cost_nano_usd - other.cost_nano_usd
    if mine.calls and other.calls:
        exact = _shapley(lambda own: value_of([mine if factor in own else other for factor in FACTORS]))
    else:
        exact = {Cause.CALLS: Fraction(gap)}
    whole = _whole([exact.get(factor, Fraction(0)) for factor in FACTORS], gap)
    parts = [Part(factor, nano) for factor, nano in zip(FACTORS, whole, strict=True)]
    strands = [Part(cause, mine.strands[cause].nano_usd - other.strands[cause].nano_usd) for cause in STRANDS]
    return Explanation(mine, other, (*parts, *strands))


def _shapley(value: Callable[[frozenset[Cause]], Fraction]) -> dict[Cause, Fraction]:
    """Each factor's mean part over all orders in which the factors can be replaced."""
    count = len(FACTORS)
    sets = [frozenset(some) for size in range(count + 1) for some in combinations(FACTORS, size)]
    values = {some: value(some) for some in sets}
    parts = dict.fromkeys(FACTORS, Fraction(0))
    for some in sets[:-1]:
        orders = factorial(len(some)) * factorial(count - len(some) - 1)
        for factor in FACTORS:
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
