"""What could have been saved in a week, in nano-dollars, and what became of it in the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from app.core.advice import Advice, AdviceAnswer, Saving
from app.core.call_input import MissCause
from app.core.call_sum import Account, CallSum, RateCard, by_task

SHOWN = 5
"""How many a review tells."""


_BY_CAUSE = {
    MissCause.SYSTEM: Saving.SYSTEM,
    MissCause.TOOLS: Saving.TOOLS,
    MissCause.HISTORY: Saving.HISTORY,
    MissCause.EXPIRED: Saving.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What it would have saved, rounded down, and in how many calls (of an unread cache: tasks)."""

    kind: Saving
    saved_nano_usd: int
    count: int
    project: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """A suggestion of the week before, or one that a person says is done, and how much less the same thing cost since:
    0 where it cost as much or more."""

    suggestion: Suggestion
    saved_nano_usd: int
    is_done: bool = False


def possible_savings(account: Account, card: RateCard) -> tuple[Suggestion, ...]:
    """What these calls could have done without, the dearest first."""
    failed = sum(one.failed_nano_usd for one in account.sums)
    found = [Suggestion(Saving.PAID_FAILURES, failed, sum(one.paid_failures for one in account.sums))]
    found += [_unread(account.sums, card), *_missed(account)]
    worth = [one for one in found if one.saved_nano_usd > 0]
    return tuple(sorted(worth, key=lambda one: (-one.saved_nano_usd, one.kind, one.project)))


def unanswered(found: Sequence[Suggestion], said: Sequence[Advice]) -> tuple[Suggestion, ...]:
    """Those that nobody has answered yet."""
    known = {(one.kind, one.project) for one in said}
    return tuple(one for one in found if (one.kind, one.project) not in known)


def followed(
    before: Sequence[Suggestion], now: Sequence[Suggestion], said: Sequence[Advice] = ()
) -> tuple[Followed, ...]:
    """What became of those that are done, against the week they were told of, and of the other suggestions of the week
    before."""
    costs = {(one.kind, one.project): one.saved_nano_usd for one in now}

    def follow(one: Suggestion, *, is_done: bool) -> Followed:
        saved = max(0, one.saved_nano_usd - costs.get((one.kind, one.project), 0))
        return Followed(one, saved, is_done)

    done = [
        Suggestion(one.kind, one.weekly_nano_usd, 0, one.project) for one in said if one.answer is AdviceAnswer.DONE
    ]
    return (*(follow(one, is_done=True) for one in done), *(follow(one, is_done=False) for one in before))


def _missed(account: Account) -> list[Suggestion]:
    """What was paid again for a cause that an agent's owner can do something about, by project."""
    sums: dict[tuple[Saving, str], tuple[int, int]] = {}
    for one in account.misses:
        kind = _BY_CAUSE.get(one.cause)
        if kind is not None:
            lost, calls = sums.get((kind, one.kin[0].project), (0, 0))
            sums[kind, one.kin[0].project] = (lost + one.lost_nano_usd, calls + one.calls)
    return [Suggestion(kind, lost, calls, project) for (kind, project), (lost, calls) in sums.items()]


def _unread(sums: Sequence[CallSum], card: RateCard) -> Suggestion:
    extras = [_unread_writes(some, card) for task, some in by_task(sums).items() if task.is_told]
    return Suggestion(Saving.UNREAD_CACHE, floor(sum(extras, Fraction(0))), sum(1 for extra in extras if extra))


def _unread_writes(sums: Sequence[CallSum], card: RateCard) -> Fraction:
    """What a task paid on top for writing a cache that none of its calls read; 0 where the list rates do not give
    its cost to the nano-dollar a call, since then nobody knows what the writing cost."""
    if any(one.cache_read_tokens for one in sums):
        return Fraction(0)
    extra = Fraction(0)
    for one in sums:
        rates = card.get((one.provider, one.model))
        if rates is None or not one.cache_write_tokens:
            continue
        hour = min(one.cache_write_1h_tokens, one.cache_write_tokens)
        minutes, fresh = one.cache_write_tokens - hour, one.input_tokens - one.cache_write_tokens
        written = minutes * rates.cache_write + hour * rates.cache_write_1h
        listed = fresh * rates.fresh + written + one.output_tokens * rates.output
        if abs(listed - one.cost_nano_usd) <= one.calls:
            extra += max(Fraction(0), written - one.cache_write_tokens * rates.fresh)
    return extra
