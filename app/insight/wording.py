"""Findings in plain sentences."""

from collections.abc import Sequence
from fractions import Fraction

from app.core.advice import Saving
from app.core.money import format_usd
from app.core.wording import counted
from app.insight.causes import STRANDS, Cause
from app.insight.explain import Explanation, Part
from app.insight.savings import Followed, Suggestion
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
    return f"{advice_words(suggestion.kind, suggestion.project)}: {saved} in {counted(suggestion.count, 'call')}."


def followed_sentence(followed: Sequence[Followed]) -> str:
    """What became of the suggestions of the week before, in one sentence; empty where there were none."""
    before = [one for one in followed if not one.is_done]
    if not before:
        return ""
    saved = format_usd(sum(one.saved_nano_usd for one in before))
    whole = format_usd(sum(one.suggestion.saved_nano_usd for one in before))
    return f"Of the {whole} that could have been saved the week before, {saved} was saved in this one."


def done_sentences(followed: Sequence[Followed]) -> tuple[str, ...]:
    """What each suggestion saves that a person says is done."""
    return tuple(
        f"Done: {advice_words(one.suggestion.kind, one.suggestion.project)}. It saved "
        f"{format_usd(one.saved_nano_usd)} of {format_usd(one.suggestion.saved_nano_usd)} a week."
        for one in followed
        if one.is_done
    )


def advice_words(kind: Saving, project: str) -> str:
    """What to do, in few words."""
    return _ADVICE[kind] + (f" in {project}" if project else "")


_ADVICE = {
    Saving.PAID_FAILURES: "Send fewer calls that fail and are paid all the same",
    Saving.UNREAD_CACHE: "Write no caches that are never read",
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
