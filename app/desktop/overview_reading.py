"""What the Overview shows, read out of the ledger. Runs off the UI thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.spend_group import GROUPED_BY
from app.core.tags import Scope
from app.desktop.models.chart_range import ChartRange, Stretch, day_edges, stretch_at
from app.insight.forecast import DAYS_LOOKED_AT, DaySpend, MonthEnd, month_end
from app.insight.overview import ClassSpend, LabelShare, TaskAverage, label_shares, task_average, token_classes
from app.insight.rates import rate_card
from app.ledger.engine import Ledger
from app.ledger.overview_sums import Buckets, agents_by_first_call, bucket_spend, spend_groups, task_costs
from app.ledger.price_store import use_prices


@dataclass(frozen=True, slots=True)
class Overview:
    """One range as of `read_at`. `before_nano_usd` is what the stretch before came to, `month` is there for the month
    alone, `agents` are all there ever were, the one seen first in front."""

    read_at: datetime
    zone: ZoneInfo
    stretch: Stretch
    spent_nano_usd: int
    unpriced_calls: int
    before_nano_usd: int
    buckets: Buckets
    shares: Mapping[Scope, tuple[LabelShare, ...]]
    classes: tuple[ClassSpend, ...]
    average: TaskAverage | None
    month: MonthEnd | None
    agents: tuple[str, ...]

    @property
    def range(self) -> ChartRange:
        """Which range it is."""
        return self.stretch.range


def read_overview(
    ledger: Ledger, chosen: ChartRange, now: datetime, zone: ZoneInfo, known: tuple[str, ...] = ()
) -> Overview:
    """One range as of now. `known` are agents in the order they were first seen, as the last reading told them; they
    are looked for again only where another one spent. Raises LedgerError."""
    stretch = stretch_at(chosen, now, zone)
    end = stretch.edges[-1]  # and not now: a call may have begun since
    groups = spend_groups(ledger, stretch.start, end)
    before = spend_groups(ledger, stretch.before_start, stretch.before_end)
    buckets = bucket_spend(ledger, stretch.edges)
    is_news = {agent for agent, _ in buckets}.union(one.agent for one in groups) - set(known)
    use_prices(ledger)
    return Overview(
        read_at=now,
        zone=zone,
        stretch=stretch,
        spent_nano_usd=sum(one.cost_nano_usd for one in groups),
        unpriced_calls=sum(one.unpriced_calls for one in groups),
        before_nano_usd=sum(one.cost_nano_usd for one in before),
        buckets=buckets,
        shares={by: label_shares(groups, before, by) for by in GROUPED_BY},
        classes=token_classes(groups, rate_card(groups, now)),
        average=task_average(task_costs(ledger, stretch.start, end)),
        month=_read_month(ledger, now, zone) if chosen is ChartRange.MONTH else None,
        agents=tuple(agents_by_first_call(ledger, end)) if is_news else known,
    )


def _read_month(ledger: Ledger, now: datetime, zone: ZoneInfo) -> MonthEnd:
    today = now.astimezone(zone).date()
    first = min(today.replace(day=1), today - timedelta(days=DAYS_LOOKED_AT))
    edges = day_edges(first, today, zone)
    days = [
        DaySpend(edges[place].astimezone(zone).date(), nano_usd)
        for (_, place), nano_usd in bucket_spend(ledger, edges).items()
    ]
    return month_end(days, today)
