"""The spend graph as values: what stands in each column, in which colours, what is forecast, and the caps by day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.money import format_usd
from app.core.tags import Scope
from app.core.windows import Window
from app.desktop.formats import day, spoken_usd
from app.desktop.models.chart_range import BY_BARS, BY_DAY, ChartRange, range_title
from app.desktop.models.rows import Swatch
from app.desktop.models.snapshot import agent_word
from app.desktop.overview_reading import Overview
from app.ledger.cap_store import CapStatus

OTHERS = "Others"
_COLOURS = 5
_OTHER = Swatch("text_3")
_ALONE = Swatch("bar")
_LABELS = 5
_CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)
_MONTH_STEP = 5


@dataclass(frozen=True, slots=True)
class Series:
    """What is told apart in the graph: some agent, or all that came after the fifth."""

    name: str
    swatch: Swatch


@dataclass(frozen=True, slots=True)
class Bucket:
    """One column or point: `parts` are nano-dollars by series and `nano_usd` is their sum, `forecast_nano_usd` is what
    is still to come in it. `label` is its time in words."""

    label: str
    parts: tuple[int, ...]
    nano_usd: int
    forecast_nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class SpendView:
    """The graph. `ticks` are places of buckets with their words, `caps` limits by day with theirs; `name` is what a
    screen reader says."""

    is_bars: bool
    series: tuple[Series, ...]
    buckets: tuple[Bucket, ...]
    ticks: tuple[tuple[int, str], ...]
    caps: tuple[tuple[int, str], ...]
    name: str

    @property
    def highest_nano_usd(self) -> int:
        """Of the columns, with what is forecast."""
        return max((bucket.nano_usd + bucket.forecast_nano_usd for bucket in self.buckets), default=0)


def swatches_of(overview: Overview) -> Mapping[str, Swatch]:
    """The sign of each agent that made a call in this range: the first five ever seen have a colour of their own; an
    agent alone needs none."""
    here = {agent for agent, _ in overview.buckets} | {one.label for one in overview.shares.get(Scope.AGENT, ())}
    if len(here) == 1:
        return dict.fromkeys(here, _ALONE)
    return {
        agent: Swatch(f"series_{number + 1}") if number < _COLOURS else _OTHER
        for number, agent in enumerate(overview.agents)
        if agent in here
    }


def spend_view(overview: Overview, caps: Iterable[CapStatus]) -> SpendView:
    """The graph of a reading."""
    spent = {agent for agent, _ in overview.buckets}
    swatches = {agent: swatch for agent, swatch in swatches_of(overview).items() if agent in spent}
    own = [agent for agent, swatch in swatches.items() if swatch != _OTHER]
    series = [Series(agent_word(agent), swatches[agent]) for agent in own]
    if len(own) < len(swatches):
        series.append(Series(OTHERS, _OTHER))
    places = {agent: own.index(agent) if agent in own else len(own) for agent in swatches}
    starts = overview.stretch.edges[:-1]
    sums = [[0] * len(series) for _ in starts]
    for (agent, number), nano_usd in overview.buckets.items():
        sums[number][places[agent]] += nano_usd
    coming = _forecast(overview)
    return SpendView(
        is_bars=overview.range in BY_BARS,
        series=tuple(series),
        buckets=tuple(
            Bucket(_full_label(overview, start), tuple(parts), sum(parts), coming.get(start, 0))
            for start, parts in zip(starts, sums, strict=True)
        ),
        ticks=tuple(_ticks(overview, starts)),
        caps=tuple(_by_day(caps)) if overview.range in BY_DAY else (),
        name=_name(overview),
    )


def _forecast(overview: Overview) -> dict[datetime, int]:
    """What each day is still likely to bring, by its begin."""
    if overview.month is None:
        return {}
    days = {start.astimezone(overview.zone).date(): start for start in overview.stretch.edges[:-1]}
    return {days[one.day]: one.nano_usd for one in overview.month.days_left}


def _by_day(caps: Iterable[CapStatus]) -> Iterable[tuple[int, str]]:
    for status in caps:
        cap = status.cap
        if cap.scope is Scope.EVERYTHING and cap.window is Window.DAY:
            yield cap.limit_nano_usd, f"Cap {format_usd(cap.limit_nano_usd)} a day"


def _ticks(overview: Overview, starts: Sequence[datetime]) -> Iterable[tuple[int, str]]:
    """A few times under the graph: every fifth day of a month, the days of a week, months, or five times of day."""
    local = [start.astimezone(overview.zone) for start in starts]
    if overview.range is ChartRange.MONTH:
        days = [0, *range(_MONTH_STEP - 1, len(local), _MONTH_STEP)]
        return [(place, str(local[place].day) if place else day(local[0])) for place in days]
    if overview.range is ChartRange.WEEK:
        return [(place, f"{start:%a} {start.day}") for place, start in enumerate(local)]
    if overview.range is ChartRange.YEAR:
        return [
            (place, f"{start:%b} {start.year}" if start.month == 1 else f"{start:%b}")
            for place, start in enumerate(local)
        ]
    return [(place, f"{local[place]:%H:%M}") for place in label_places(local)]


def label_places(times: Sequence[datetime]) -> list[int]:
    """Places of at most five labels, at times that a clock shows: whole quarters of an hour, every sixth hour."""
    length = (times[-1] - times[0]) if times else timedelta()
    step = next((step for step in _CLOCK_STEPS if length < timedelta(minutes=step * _LABELS)), _CLOCK_STEPS[-1])
    return [
        place
        for place, time in enumerate(times)
        if not time.second and not (time.hour * 60 + time.minute) % step
    ]  # fmt: skip


def _full_label(overview: Overview, start: datetime) -> str:
    local = start.astimezone(overview.zone)
    match overview.range:
        case ChartRange.YEAR:
            return f"{local:%B} {local.year}"
        case ChartRange.WEEK | ChartRange.MONTH:
            return f"{local:%a}, {day(local)}"
        case ChartRange.LIVE:
            return f"{local:%H:%M:%S}"
    return f"{local:%H:%M}"


def _name(overview: Overview) -> str:
    """`Spend by day in November, 214 dollars 60`."""
    by = "by month" if overview.range is ChartRange.YEAR else "by day" if overview.range in BY_DAY else "over time"
    title = range_title(overview.range, overview.read_at, overview.zone)
    when = f"in {title}" if overview.range is ChartRange.MONTH else f"in the {title[0].lower()}{title[1:]}"
    return f"Spend {by} {when}, {spoken_usd(overview.spent_nano_usd)}"
