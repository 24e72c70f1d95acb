"""A week looked at: what it came to against the week before, how calls spread over tasks, what cost most and why, and
what could have been saved where the arithmetic is exact.

A task is a task label, or a session where calls have none; calls with neither are counted and belong to no task. Why a
task cost what it did is its difference to the mean of the same agent's other tasks of the week, taken apart as
`insight.explain` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.advice import Advice
from app.core.call_sum import Account, CallSum, RateCard, TaskId, by_task
from app.core.origin import OriginSum
from app.core.tool_call import NO_TOOLS, ToolSums
from app.insight.explain import Part, explain
from app.insight.savings import SHOWN, Followed, Suggestion, followed, possible_savings, unanswered
from app.insight.sides import side_of

TOP = 3


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of one week, or of one agent's. Costs are those that are known; tokens those of completed, priced calls.

    `task_calls` and `task_nano_usd` are those of calls that belong to a task; the others have neither task nor session.
    """

    tasks: int = 0
    calls: int = 0
    cost_nano_usd: int = 0
    task_calls: int = 0
    task_nano_usd: int = 0
    unpriced_calls: int = 0
    failed_calls: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0

    @property
    def per_task_nano_usd(self) -> int | None:
        """What a task cost on average, rounded down; None without any."""
        return self.task_nano_usd // self.tasks if self.tasks else None

    @property
    def cached_percent(self) -> int | None:
        """How much of the input came from the cache, in whole percent; None without input."""
        return self.cache_read_tokens * 100 // self.input_tokens if self.input_tokens else None


@dataclass(frozen=True, slots=True)
class TaskClass:
    """Tasks by how many calls they took: from `least` to `most`, without end where that is None."""

    least: int
    most: int | None
    tasks: int
    calls: int
    cost_nano_usd: int


@dataclass(frozen=True, slots=True)
class AgentWeek:
    """One agent's week, the week before, and how its calls spread over tasks."""

    agent: str
    now: Totals
    before: Totals
    classes: tuple[TaskClass, ...]


@dataclass(frozen=True, slots=True)
class Costly:
    """One of the dearest tasks. `parts` take apart its difference to the agent's mean task, the largest first, and are
    empty where the agent has no other; `models` names its models, the dearest first."""

    task: TaskId
    calls: int
    cost_nano_usd: int
    mean_nano_usd: int | None
    parts: tuple[Part, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """A week in figures."""

    now: Totals
    before: Totals
    agents: tuple[AgentWeek, ...]
    top: tuple[Costly, ...]
    suggestions: tuple[Suggestion, ...]
    followed: tuple[Followed, ...]
    purposes: tuple[OriginSum, ...] = ()
    tools: ToolSums = NO_TOOLS


_CLASSES: tuple[tuple[int, int | None], ...] = ((1, 1), (2, 5), (6, 20), (21, 100), (101, None))

type Tasks = dict[TaskId, list[CallSum]]


def review(
    week: Account,
    last: Account,
    card: RateCard,
    purposes: Sequence[OriginSum] = (),
    tools: ToolSums = NO_TOOLS,
    said: Sequence[Advice] = (),
) -> Review:
    """A week and the one before it, `last`, looked at. `card` holds the list rates of their models,
    `purposes` are the week's calls by what they were for, `tools` the tools that they asked for, and `said`
    what a person had answered to suggestions by the week's end."""
    now, before, savings = week.sums, last.sums, possible_savings(week, card)
    tasks = by_task(now)
    told = {task: sums for task, sums in tasks.items() if task.is_told}
    agents = sorted({one.task.agent for one in (*now, *before)})
    weeks = [_agent_week(agent, now, before) for agent in agents]
    return Review(
        now=totals(now),
        before=totals(before),
        agents=tuple(sorted(weeks, key=lambda week: (-week.now.cost_nano_usd, week.agent))),
        top=tuple(_costly(task, told[task], week, card) for task in _dearest(told)),
        suggestions=unanswered(savings, said)[:SHOWN],
        followed=followed(unanswered(possible_savings(last, card), said)[:SHOWN], savings, said),
        purposes=tuple(purposes),
        tools=tools,
    )


def totals(sums: Sequence[CallSum]) -> Totals:
    """What these sums come to."""
    told = [one for one in sums if one.task.is_told]
    return Totals(
        tasks=len({one.task for one in told}),
        calls=sum(one.all_calls for one in sums),
        cost_nano_usd=_cost(sums),
        task_calls=sum(one.all_calls for one in told),
        task_nano_usd=_cost(told),
        unpriced_calls=sum(one.unpriced_calls for one in sums),
        failed_calls=sum(one.failed_calls for one in sums),
        input_tokens=sum(one.input_tokens for one in sums),
        cache_read_tokens=sum(one.cache_read_tokens for one in sums),
        output_tokens=sum(one.output_tokens for one in sums),
    )


def task_classes(sums: Sequence[CallSum]) -> tuple[TaskClass, ...]:
    """How calls spread over tasks; every task is in one class."""
    tasks = [(sum(one.all_calls for one in some), some) for task, some in by_task(sums).items() if task.is_told]
    found = []
    for least, most in _CLASSES:
        inside = [(calls, some) for calls, some in tasks if least <= calls and (most is None or calls <= most)]
        cost = sum(one.whole_nano_usd for _, some in inside for one in some)
        found.append(TaskClass(least, most, len(inside), sum(calls for calls, _ in inside), cost))
    return tuple(found)


def _agent_week(agent: str, now: Sequence[CallSum], before: Sequence[CallSum]) -> AgentWeek:
    mine = [one for one in now if one.task.agent == agent]
    earlier = [one for one in before if one.task.agent == agent]
    return AgentWeek(agent, totals(mine), totals(earlier), task_classes(mine))


def _cost(sums: Sequence[CallSum]) -> int:
    return sum(one.whole_nano_usd for one in sums)


def _dearest(tasks: Tasks) -> list[TaskId]:
    order = sorted(tasks, key=lambda task: (-_cost(tasks[task]), task.name, task.agent, task.project))
    return [task for task in order if _cost(tasks[task])][:TOP]


def _costly(task: TaskId, mine: Sequence[CallSum], week: Account, card: RateCard) -> Costly:
    others = week.where(lambda other: other.is_told and other.agent == task.agent and other != task)
    dearest_first = sorted(mine, key=lambda one: (-one.whole_nano_usd, one.model))
    parts: tuple[Part, ...] = ()
    mean = None
    if count := len({one.task for one in others.sums}):
        typical = side_of(others, card, tasks=count)
        mean = typical.whole_nano_usd
        parts = explain(side_of(week.where(lambda other: other == task), card), typical).largest_first
    calls = sum(one.all_calls for one in mine)
    return Costly(task, calls, _cost(mine), mean, parts, tuple(dict.fromkeys(one.model for one in dearest_first)))
