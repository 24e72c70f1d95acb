"""Findings in plain sentences."""

from collections.abc import Sequence
from fractions import Fraction

from app.core.money import format_usd
from app.core.wording import counted
from app.insight.causes import STRANDS, Cause
from app.insight.explain import Explanation, Part
from app.insight.savings import Followed, Saving, Suggestion
from app.insight.sides import Side


def difference_sentence(explanation: Explanation, name: str, other: str) -> str:
    """What the two cost, in one sentence."""
    mine, theirs = explanation.mine.whole_nano_usd, explanation.other.whole_nano_usd
    if mine == theirs:
        return f"{name} and {other} cost the same: {format_usd(mine)}."
    more = "more" if mine > theirs else "less"
    gap = format_usd(abs(mine - theirs))
    return f"{name} cost {gap} {more} than {other}: {format_usd(mine)} against {format_usd(theirs)}."


def part_sentence(part: Part, explanation: Explanation) -> str:
    """One part of a difference, with the figures it comes from."""
    way = "more" if part.nano_usd > 0 else "less"
    figures = _figures(part.cause, explanation.mine, explanation.other)
    return f"{format_usd(abs(part.nano_usd))} {way} for {part.cause}{figures}."


def unpriced_sentence(explanation: Explanation) -> str:
    """What stands beside the sums; empty where every call has a price."""
    mine, other = explanation.mine.unpriced_calls, explanation.other.unpriced_calls
    if not mine and not other:
        return ""
    return f"Without a price, so in no part: {number(mine)} of its calls, against {number(other)}."


def suggestion_sentence(suggestion: Suggestion) -> str:
    """What could have been saved, and how."""
    saved = format_usd(suggestion.saved_nano_usd)
    if suggestion.kind is Saving.PAID_FAILURES:
        return f"{saved} went to {counted(suggestion.count, 'call')} that failed and were paid all the same."
    if suggestion.kind is Saving.UNREAD_CACHE:
        tasks = counted(suggestion.count, "task")
        return f"{saved} went to writing caches that were never read, in {tasks}: the extra price of writing, exactly."
    where = f" in {suggestion.project}" if suggestion.project else ""
    return f"{_ADVICE[suggestion.kind]}{where}: {saved} in {counted(suggestion.count, 'call')}."


def followed_sentence(followed: Sequence[Followed]) -> str:
    """What became of the suggestions of the week before, in one sentence; empty where there were none."""
    if not followed:
        return ""
    saved = format_usd(sum(one.saved_nano_usd for one in followed))
    whole = format_usd(sum(one.suggestion.saved_nano_usd for one in followed))
    return f"Of the {whole} that could have been saved the week before, {saved} was saved in this one."


_ADVICE = {
    Saving.SYSTEM: "Keep the system prompt as it is while a session runs",
    Saving.TOOLS: "Keep the tools and their order as they are while a session runs",
    Saving.HISTORY: "Add to the conversation and leave what was said",
    Saving.EXPIRED: "Go on before the cache ends, or have it kept for longer",
}


def number(value: Fraction) -> str:
    """A count that may be a mean: whole from a hundred on, else with one decimal where it has one."""
    if value.denominator == 1 or value >= 100:
        return f"{round(value):,}"
    return f"{float(value):.1f}"


def _calls(mine: Side, other: Side) -> str:
    return f": {number(mine.calls)} calls against {number(other.calls)}"


def _input(mine: Side, other: Side) -> str:
    return f": {number(mine.input_tokens)} tokens a call against {number(other.input_tokens)}"


def _cache(mine: Side, other: Side) -> str:
    return f": {_percent(mine.read_share)} of the input read from the cache against {_percent(other.read_share)}"


def _output(mine: Side, other: Side) -> str:
    return f": {number(mine.output_tokens)} tokens a call against {number(other.output_tokens)}"


def _figures(cause: Cause, mine: Side, other: Side) -> str:
    if cause in STRANDS:
        word = " searches" if cause is Cause.SEARCHES else " calls"
        return f": {number(mine.strands[cause].count)}{word} against {number(other.strands[cause].count)}"
    return _FACTOR_FIGURES[cause](mine, other) if cause in _FACTOR_FIGURES else ""


def _percent(share: Fraction) -> str:
    return f"{int(share * 100)} %"


_FACTOR_FIGURES = {Cause.CALLS: _calls, Cause.INPUT: _input, Cause.CACHE: _cache, Cause.OUTPUT: _output}
