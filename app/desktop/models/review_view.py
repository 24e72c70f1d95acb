"""A week's review in words: the sentence, the costliest tasks and why, how calls were spread, what could be saved."""

from dataclasses import dataclass
from datetime import date

from app.core.money import format_usd
from app.desktop.formats import day, plural, sum_text
from app.desktop.models.rows import Column
from app.desktop.models.snapshot import agent_word
from app.insight.family import purposes_sentence
from app.insight.review import AgentWeek, Costly, Review, TaskClass, Totals
from app.insight.review_report import class_name, why
from app.insight.savings import Suggestion
from app.insight.wording import done_sentences, followed_sentence, suggestion_sentence

_NO_MEAN = "No other task of this agent to compare with."


@dataclass(frozen=True, slots=True)
class CostlyView:
    """One of the dearest tasks: its name, where, what it cost, and why. `task` is as the ledger names it."""

    name: str
    place: str
    cost: str
    why: str
    task: str
    session: str
    agent: str
    project: str


@dataclass(frozen=True, slots=True)
class SpreadLine:
    """How many of one agent's tasks took so many calls, and their share of its tasks' cost, 0 to 1, for drawing."""

    agent: str
    calls_in_task: str
    tasks: int
    calls: int
    cost_nano_usd: int
    share: float


@dataclass(frozen=True, slots=True)
class ReviewView:
    """All that the page says of one week. `suggestions` are words and what they are about, `is_empty` where no call was
    made in it."""

    title: str
    sentence: str
    notes: tuple[str, ...]
    costly: tuple[CostlyView, ...]
    spread: tuple[SpreadLine, ...]
    suggestions: tuple[tuple[str, Suggestion], ...]
    done: tuple[str, ...]
    followed: str
    is_empty: bool


def review_view(review: Review, monday: date) -> ReviewView:
    """What the page says."""
    return ReviewView(
        title=f"Week of {day(monday)}",
        sentence=_sentence(review.now, review.before),
        notes=_notes(review),
        costly=tuple(_costly(one) for one in review.top),
        spread=tuple(line for week in review.agents for line in _spread(week)),
        suggestions=tuple((suggestion_sentence(one), one) for one in review.suggestions),
        done=done_sentences(review.followed),
        followed=followed_sentence(review.followed),
        is_empty=not review.now.calls,
    )


def spread_columns() -> list[Column[SpreadLine]]:
    """The columns of the table of how calls were spread."""
    return [
        Column("Agent", lambda line: line.agent, ink="text", gives_way=True, grows=True, hint=lambda line: line.agent),
        Column("Calls in a task", lambda line: line.calls_in_task, is_amount=True),
        Column("Tasks", lambda line: f"{line.tasks:,}", is_amount=True),
        Column("Calls", lambda line: f"{line.calls:,}", is_amount=True),
        Column("Cost", lambda line: format_usd(line.cost_nano_usd), is_amount=True, ink="text", is_strong=True),
        Column("Share", lambda line: f"{round(line.share * 100)}%", is_amount=True, hint=_share_hint),
    ]


def _sentence(now: Totals, before: Totals) -> str:
    cost = sum_text(now.cost_nano_usd, now.unpriced_calls)
    said = f"{cost}{_against(now, before)}; {plural(now.tasks, 'task')}"
    each = f", {format_usd(now.per_task_nano_usd)} each" if now.tasks else ""
    return f"{said}{each}."


def _against(now: Totals, before: Totals) -> str:
    if not before.calls:
        return ", nothing the week before"
    if not before.cost_nano_usd or now.cost_nano_usd == before.cost_nano_usd:
        same = now.cost_nano_usd == before.cost_nano_usd
        return ", as much as the week before" if same else f", {format_usd(0)} the week before"
    percent = round(abs(now.cost_nano_usd - before.cost_nano_usd) * 100 / before.cost_nano_usd)
    return f", {percent:,}% {'more' if now.cost_nano_usd > before.cost_nano_usd else 'less'} than the week before"


def _notes(review: Review) -> tuple[str, ...]:
    now = review.now
    cached = f"From the cache: {now.cached_percent}% of the input." if now.cached_percent is not None else ""
    failed = f"Failed: {plural(now.failed_calls, 'call')}." if now.failed_calls else ""
    unpriced = f"Without a price, so in no sum: {plural(now.unpriced_calls, 'call')}." if now.unpriced_calls else ""
    return tuple(words for words in (purposes_sentence(review.purposes), cached, failed, unpriced) if words)


def _costly(one: Costly) -> CostlyView:
    task = one.task
    place = ", ".join(part for part in (agent_word(task.agent), task.project, plural(one.calls, "call")) if part)
    said = _NO_MEAN
    if one.mean_nano_usd is not None:
        said = f"The agent's other tasks cost {format_usd(one.mean_nano_usd)} on average. {why(one.parts)}"
    return CostlyView(
        task.name, place, format_usd(one.cost_nano_usd), said, task.task, task.session, task.agent, task.project
    )


def _spread(week: AgentWeek) -> list[SpreadLine]:
    whole = week.now.task_nano_usd
    return [_spread_line(week.agent, one, whole) for one in week.classes if one.tasks]


def _spread_line(agent: str, one: TaskClass, whole: int) -> SpreadLine:
    share = one.cost_nano_usd / whole if whole else 0.0
    return SpreadLine(agent_word(agent), class_name(one), one.tasks, one.calls, one.cost_nano_usd, share)


def _share_hint(line: SpreadLine) -> str:
    return f"{round(line.share * 100)}% of what {line.agent}'s tasks cost"
