"""One side of a comparison: a task, or the mean of several, as factors of its main conversation's cost and strands."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from math import floor

from app.core.call_sum import Account, CallSum, ClassRates, Kin, MissSum, RateCard
from app.core.origin import RequestClass
from app.insight.causes import BY_CLASS, BY_MISS, STRANDS, Cause

_FREE = ClassRates(Fraction(0), Fraction(0), Fraction(0), Fraction(0), Fraction(0))


@dataclass(frozen=True, slots=True)
class Strand:
    """What one cause cost in nano-dollars, and how often it came: calls, or searches; a fraction where it is a mean."""

    nano_usd: int = 0
    count: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Side:
    """One side, by averages. `calls` and what follows are of the main conversation, without any strand's.

    `calls` may be a fraction; tokens are those of one call; `beyond` is what a call cost on top of the rates, in
    nano-dollars. `cost_nano_usd` is that of these calls. Each of `strands` is beside it.
    """

    calls: Fraction = Fraction(0)
    input_tokens: Fraction = Fraction(0)
    read_share: Fraction = Fraction(0)
    write_share: Fraction = Fraction(0)
    output_tokens: Fraction = Fraction(0)
    rates: ClassRates = _FREE
    beyond: Fraction = Fraction(0)
    cost_nano_usd: int = 0
    strands: dict[Cause, Strand] = field(default_factory=lambda: dict.fromkeys(STRANDS, Strand()))
    unpriced_calls: Fraction = Fraction(0)

    @property
    def whole_nano_usd(self) -> int:
        """All of it."""
        return self.cost_nano_usd + sum(strand.nano_usd for strand in self.strands.values())


def side_of(account: Account, card: RateCard, *, tasks: int = 1) -> Side:
    """The mean of `tasks` tasks, which this account is of; with 1 the one task as it is."""
    followed = {one.kin: one for one in account.after_failures}
    rest = [one.without(followed[one.kin]) if one.kin in followed else one for one in account.sums]
    main = [one for one in rest if one.calls and one.request_class is RequestClass.MAIN]
    fees = sum(_fee(one, card) for one in main)
    strands = _strands(account, rest, tasks)
    missed = _of_kin(account.misses, {one.kin for one in main})
    for cause, lost in _lost(missed, tasks).items():
        strands[cause] = Strand(strands[cause].nano_usd + lost.nano_usd, strands[cause].count + lost.count)
    main = [_as_if_read(one, missed.get(one.kin, ())) for one in main]
    strands[Cause.SEARCHES] = _strand(fees, sum(one.web_searches for one in main), tasks)
    cost = _nearest(sum(one.cost_nano_usd for one in main) - fees, tasks)
    unpriced = Fraction(sum(one.unpriced_calls for one in account.sums), tasks)
    if not main:
        return Side(strands=strands, unpriced_calls=unpriced)
    calls, taken = sum(one.calls for one in main), sum(one.input_tokens for one in main)
    bare = Side(
        calls=Fraction(calls, tasks),
        input_tokens=Fraction(taken, calls),
        read_share=_share(sum(one.cache_read_tokens for one in main), taken),
        write_share=_share(sum(one.cache_write_tokens for one in main), taken),
        output_tokens=Fraction(sum(one.output_tokens for one in main), calls),
        rates=_blended(main, card),
        cost_nano_usd=cost,
        strands=strands,
        unpriced_calls=unpriced,
    )
    return replace(bare, beyond=(cost - value_of([bare] * 5)) / bare.calls)


def value_of(sides: Sequence[Side]) -> Fraction:
    """Nano-dollars of a main conversation that takes each factor, in the order of `FACTORS`, from the side at its
    place."""
    calls, given, cache, made, price = sides
    rates = price.rates
    fresh = 1 - cache.read_share - cache.write_share
    token = fresh * rates.fresh + cache.read_share * rates.cache_read + cache.write_share * rates.cache_write
    return calls.calls * (given.input_tokens * token + made.output_tokens * rates.output + price.beyond)


def _strands(account: Account, rest: Sequence[CallSum], tasks: int) -> dict[Cause, Strand]:
    found = dict.fromkeys(STRANDS, Strand())
    for cause in set(BY_CLASS.values()):
        own = [one for one in rest if BY_CLASS.get(one.request_class) is cause]
        found[cause] = _strand(sum(one.cost_nano_usd for one in own), sum(one.calls for one in own), tasks)
    followed, sums = account.after_failures, account.sums
    found[Cause.AFTER_FAILURES] = _strand(
        sum(one.cost_nano_usd for one in followed), sum(one.calls for one in followed), tasks
    )
    found[Cause.FAILED] = _strand(
        sum(one.failed_nano_usd for one in sums), sum(one.failed_calls for one in sums), tasks
    )
    found[Cause.INTERRUPTED] = _strand(
        sum(one.interrupted_nano_usd for one in sums), sum(one.interrupted_calls for one in sums), tasks
    )
    return found


def _of_kin(misses: Iterable[MissSum], wanted: Set[Kin]) -> dict[Kin, list[MissSum]]:
    found: dict[Kin, list[MissSum]] = {}
    for one in misses:
        if one.kin in wanted:
            found.setdefault(one.kin, []).append(one)
    return found


def _lost(missed: dict[Kin, list[MissSum]], tasks: int) -> dict[Cause, Strand]:
    """What was paid again, by cause."""
    sums: dict[Cause, tuple[int, int]] = {}
    for one in chain.from_iterable(missed.values()):
        cause = BY_MISS.get(one.cause, Cause.MISSED)
        nano_usd, calls = sums.get(cause, (0, 0))
        sums[cause] = (nano_usd + one.lost_nano_usd, calls + one.calls)
    return {cause: _strand(nano_usd, calls, tasks) for cause, (nano_usd, calls) in sums.items()}


def _as_if_read(one: CallSum, misses: Iterable[MissSum]) -> CallSum:
    for missed in misses:
        one = one.had_it_been_read(missed)
    return one


def _strand(nano_usd: int, count: int, tasks: int) -> Strand:
    return Strand(_nearest(nano_usd, tasks), Fraction(count, tasks))


def _fee(one: CallSum, card: RateCard) -> int:
    """What the searches of these calls cost at the list rate, at most what the calls cost."""
    rates = card.get((one.provider, one.model), _FREE)
    return min(one.cost_nano_usd, floor(one.web_searches * rates.web_search))


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
