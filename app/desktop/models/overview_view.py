"""The Overview's figures in words."""

from dataclasses import dataclass

from app.core.money import MINUS, UNKNOWN, decimal_from_nano, format_usd
from app.core.spend_group import GROUPED_BY
from app.core.tags import Scope
from app.desktop.formats import day, plural, sum_text
from app.desktop.models.chart_range import ChartRange
from app.desktop.models.snapshot import agent_word
from app.desktop.overview_reading import Overview
from app.insight.overview import LabelShare, change_percent

SCOPE_WORDS = {by.value.capitalize(): by for by in GROUPED_BY}
"""What spend can be looked at by, as the buttons name it."""
_UNTOLD = {
    Scope.PROJECT: "No project told",
    Scope.TEAM: "No team told",
    Scope.USER: "No user told",
    Scope.MODEL: "No model told",
}
_PERIODS = {
    ChartRange.LIVE: ("in the last 10 minutes", "in the 10 minutes before"),
    ChartRange.HOUR: ("in the last hour", "in the hour before"),
    ChartRange.DAY: ("in the last 24 hours", "in the 24 hours before"),
    ChartRange.WEEK: ("in the last 7 days", "in the 7 days before"),
    ChartRange.YEAR: ("in the last 12 months", "in the 12 months before"),
}
_TIMES_FROM_PERCENT = 900
_CENTS_BELOW = 10


@dataclass(frozen=True, slots=True)
class FigureWords:
    """An amount, what stands under it, and its tooltip."""

    amount: str
    caption: str
    hint: str = ""


def spent_words(overview: Overview) -> FigureWords:
    """What was spent, against as much of the stretch before; nothing where there was nothing before."""
    period, before = _period(overview)
    change = change_percent(overview.spent_nano_usd, overview.before_nano_usd)
    caption = period if change is None else f"{period}, {_compared(overview, change)} {before}"
    unpriced = overview.unpriced_calls
    hint = f"and {plural(unpriced, 'call')} without a price" if unpriced else ""
    return FigureWords(sum_text(overview.spent_nano_usd, unpriced), caption, hint)


def forecast_words(overview: Overview) -> FigureWords | None:
    """What the month is likely to come to; None for other ranges."""
    month = overview.month
    if month is None:
        return None
    last = day(overview.stretch.edges[-2].astimezone(overview.zone))
    if not month.days_known:
        return FigureWords(UNKNOWN, f"forecast to {last}, too early to tell")
    low, high = _whole_dollars(month.low_nano_usd), _whole_dollars(month.high_nano_usd)
    likely = f"between {low} and {high}" if low != high else ""
    caption = ", ".join(part for part in (f"forecast to {last}", likely) if part)
    hint = "Four months in five end within this range, if days vary as they did in the last four weeks."
    return FigureWords(_whole_dollars(month.expected_nano_usd), caption, hint)


def average_words(overview: Overview) -> FigureWords | None:
    """What a task cost; None where no call belongs to any."""
    average = overview.average
    if average is None:
        return None
    count, median = plural(average.tasks, "task"), format_usd(average.median_nano_usd)
    return FigureWords(format_usd(average.mean_nano_usd), f"average task, {count}, median {median}")


def label_word(by: Scope, label: str) -> str:
    """A label, or what to say where none was told."""
    return agent_word(label) if by is Scope.AGENT else label or _UNTOLD[by]


def change_words(share: LabelShare) -> str:
    """`+22%`, `−8%`, `new`; empty where nothing at all was spent before, or nothing is known now."""
    if share.before_nano_usd is None or (share.unpriced_calls and not share.nano_usd):
        return ""
    change = change_percent(share.nano_usd, share.before_nano_usd)
    if change is None:
        return "new"
    return f"{MINUS if change < 0 else '+'}{abs(change):,}%" if change else "same"


def share_words(share: LabelShare) -> str:
    """`60%`; a dash where its cost is not known."""
    if share.unpriced_calls and not share.nano_usd:
        return UNKNOWN
    return "<1%" if share.nano_usd and not share.percent else f"{share.percent}%"


def _period(overview: Overview) -> tuple[str, str]:
    if overview.range is ChartRange.MONTH:
        begun, until = (
            edge.astimezone(overview.zone) for edge in (overview.stretch.before_start, overview.stretch.before_end)
        )
        is_over = until.month != begun.month
        return "this month", f"in all of {begun:%B}" if is_over else f"by {day(until)}"
    return _PERIODS[overview.range]


def _compared(overview: Overview, change: int) -> str:
    if change >= _TIMES_FROM_PERCENT:
        return f"{overview.spent_nano_usd // overview.before_nano_usd:,} times as much as"
    if not change:
        return "as much as"
    return f"{abs(change)}% {'more' if change > 0 else 'less'} than"


def _whole_dollars(nano_usd: int) -> str:
    """A forecast has no cents, but below ten dollars, where they are all there is."""
    usd = decimal_from_nano(nano_usd)
    return f"${usd:,.0f}" if usd >= _CENTS_BELOW else format_usd(nano_usd)
