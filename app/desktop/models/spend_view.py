"""Where the money went: one line for each label of a scope, with its share and its change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from app.core.money import MINUS
from app.core.tags import Scope
from app.desktop.formats import plural, sum_text
from app.desktop.models.chart_range import ChartRange, chart_span
from app.desktop.models.rows import Column
from app.ledger.spend import Spend

_NOT_TOLD = "Not told"
_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SpendLine:
    """One label's spend in a stretch of time. `share` of all of it, and of the `largest` line's, are 0 to 1, for
    drawing; `before_nano_usd` is that of the stretch before."""

    key: str
    spend: Spend
    share: float
    of_largest: float
    before_nano_usd: int

    @property
    def name(self) -> str:
        """The label, or that there was none."""
        return self.key or _NOT_TOLD

    @property
    def change(self) -> str:
        """`+22%`, `−8%`, `new`; empty where there is nothing to say."""
        now, before = self.spend.cost_nano_usd, self.before_nano_usd
        if not before:
            return "new" if now else ""
        percent = round((now - before) * 100 / before)
        return f"{'+' if percent >= 0 else MINUS}{abs(percent):,}%"


def spend_lines(now: Sequence[Spend], before: Sequence[Spend]) -> list[SpendLine]:
    """Lines for all labels that made a call, dearest first."""
    earlier = {spend.key: spend.cost_nano_usd for spend in before}
    whole = sum(spend.cost_nano_usd for spend in now)
    largest = max((spend.cost_nano_usd for spend in now), default=0)
    return [
        SpendLine(
            spend.key, spend, _ratio(spend.cost_nano_usd, whole), _ratio(spend.cost_nano_usd, largest),
            earlier.get(spend.key, 0),
        )
        for spend in now
    ]  # fmt: skip


def spend_columns(scope: Scope) -> list[Column[SpendLine]]:
    """The columns of the table by one scope."""
    return [
        Column(
            scope.value.capitalize(), lambda line: line.name, ink="text", gives_way=True, hint=lambda line: line.name,
            ink_of=lambda line: "text" if line.key else "text_3",
        ),
        Column("", lambda _line: "", grows=True, bar=lambda line: line.of_largest),
        Column("Calls", lambda line: f"{line.spend.calls:,}", is_amount=True),
        Column(
            "Spend", lambda line: sum_text(line.spend.cost_nano_usd, line.spend.unpriced_calls), is_amount=True,
            ink="text", is_strong=True, hint=_unpriced,
        ),
        Column("Share", lambda line: f"{round(line.share * 100)}%", is_amount=True),
        Column("Change", lambda line: line.change, is_amount=True, hint=_before),
    ]  # fmt: skip


def stretches(chosen: ChartRange, now: datetime, zone: tzinfo) -> tuple[tuple[datetime, datetime], ...]:
    """A range as far as it has passed, and as much of the stretch before it: for a month, of the month before."""
    start = chart_span(chosen, now, zone).start
    passed = now - start
    if chosen is ChartRange.MONTH:
        earlier = chart_span(chosen, start - _A_MOMENT, zone).start
    else:
        earlier = start - passed
    return (start, now), (earlier, min(earlier + passed, start))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _unpriced(line: SpendLine) -> str:
    unpriced = line.spend.unpriced_calls
    return f"and {plural(unpriced, 'call')} without a price" if unpriced else ""


def _before(line: SpendLine) -> str:
    return f"{sum_text(line.before_nano_usd, 0)} in the stretch before"
