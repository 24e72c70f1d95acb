"""A week's review as a report: sentences first, figures next."""

from app.core.money import format_usd
from app.core.wording import counted
from app.insight.explain import Part
from app.insight.family import purposes_sentence
from app.insight.report import Block, Grid, Heading, Sentences
from app.insight.review import AgentWeek, Costly, Review, TaskClass, Totals
from app.insight.tools import HEADERS, failing_rows, tools_sentences
from app.insight.wording import done_sentences, followed_sentence, suggestion_sentence

_PARTS_SHOWN = 3


def review_report(review: Review, week: str) -> tuple[Block, ...]:
    """The report of one week; `week` is what to call it."""
    blocks: list[Block] = [Heading(f"Week {week}", 1), Sentences(_summary(review))]
    if review.top:
        blocks.append(Heading("What cost most"))
        blocks.extend(Sentences(_costly(costly)) for costly in review.top)
    if review.suggestions or review.followed:
        blocks += [Heading("What could have been saved"), Sentences(_saved(review))]
    if review.tools.tools:
        blocks += [Heading("Tools"), Sentences(tools_sentences(review.tools))]
        if failing := failing_rows(review.tools):
            blocks.append(Grid(HEADERS, failing))
    if review.agents:
        blocks += [Heading("Agents"), _agents(review)]
        for agent in review.agents:
            blocks += [Heading(f"Calls per task: {agent.agent or '(not told)'}"), _classes(agent)]
    return tuple(blocks)


def _summary(review: Review) -> tuple[str, ...]:
    now, before = review.now, review.before
    tasks, calls = counted(now.tasks, "task"), counted(now.calls, "call")
    said = [f"{tasks}, {calls}, {_sum(now)}{_against(now, before)}."]
    if now.tasks:
        each = f"{format_usd(now.per_task_nano_usd)} and {_tenths(now.task_calls, now.tasks)} calls"
        said.append(f"On average a task took {each}.")
    if by_purpose := purposes_sentence(review.purposes):
        said.append(by_purpose)
    if now.calls > now.task_calls:
        said.append(f"Outside of any task or session: {counted(now.calls - now.task_calls, 'call')}.")
    if now.cached_percent is not None:
        said.append(f"From the cache: {now.cached_percent} % of the input.")
    if now.failed_calls:
        said.append(f"Failed: {counted(now.failed_calls, 'call')}.")
    if now.unpriced_calls:
        said.append(f"Without a price, so in no sum: {counted(now.unpriced_calls, 'call')}.")
    return tuple(said)


def _against(now: Totals, before: Totals) -> str:
    if not before.calls:
        return "; nothing the week before"
    gap = now.cost_nano_usd - before.cost_nano_usd
    if not gap:
        return ", the same as the week before"
    more = "more" if gap > 0 else "less"
    return f", {format_usd(abs(gap))} {more} than the week before ({_sum(before)}, {counted(before.tasks, 'task')})"


def _sum(totals: Totals) -> str:
    return format_usd(totals.cost_nano_usd) + ("+" if totals.unpriced_calls else "")


def _tenths(whole: int, count: int) -> str:
    tenths = whole * 10 // count
    return f"{tenths // 10:,}.{tenths % 10}"


def _costly(costly: Costly) -> tuple[str, ...]:
    task = costly.task
    where = " in ".join(part for part in (task.agent, task.project) if part)
    said = [
        f"{format_usd(costly.cost_nano_usd)}: {task.name} ({where or 'not told'}), "
        f"{counted(costly.calls, 'call')} to {', '.join(costly.models)}."
    ]
    if costly.mean_nano_usd is not None:
        said.append(f"The agent's other tasks cost {format_usd(costly.mean_nano_usd)} on average. {why(costly.parts)}")
    return tuple(said)


def why(parts: tuple[Part, ...]) -> str:
    """The largest parts of a difference, in a sentence."""
    told = [
        f"{format_usd(abs(part.nano_usd))} {'more' if part.nano_usd > 0 else 'less'} for {part.cause}"
        for part in parts[:_PARTS_SHOWN]
    ]
    if len(parts) > _PARTS_SHOWN:
        rest = sum(part.nano_usd for part in parts[_PARTS_SHOWN:])
        told.append(f"{format_usd(rest)} for the rest")
    return f"Of the difference: {', '.join(told)}." if told else "This one cost the same."


def _saved(review: Review) -> tuple[str, ...]:
    told = followed_sentence(review.followed)
    open_ones = (f"{place}. {suggestion_sentence(one)}" for place, one in enumerate(review.suggestions, start=1))
    return (*open_ones, *done_sentences(review.followed), *([told] if told else []))


def _agents(review: Review) -> Grid:
    headers = ("Agent", "Tasks", "Calls", "Cost", "A task", "From cache", "Week before")
    return Grid(headers, tuple(_agent_row(agent) for agent in review.agents))


def _agent_row(agent: AgentWeek) -> tuple[str, ...]:
    now = agent.now
    cached = "—" if now.cached_percent is None else f"{now.cached_percent} %"
    return (
        agent.agent or "(not told)",
        f"{now.tasks:,}",
        f"{now.calls:,}",
        _sum(now),
        format_usd(now.per_task_nano_usd),
        cached,
        _sum(agent.before),
    )


def _classes(agent: AgentWeek) -> Grid:
    rows = tuple(
        (class_name(one), f"{one.tasks:,}", f"{one.calls:,}", format_usd(one.cost_nano_usd)) for one in agent.classes
    )
    return Grid(("Calls in a task", "Tasks", "Calls", "Cost"), rows)


def class_name(one: TaskClass) -> str:
    """How many calls the tasks of a class took: `1`, `2 to 5`, `101 and more`."""
    if one.most is None:
        return f"{one.least} and more"
    return str(one.least) if one.least == one.most else f"{one.least} to {one.most}"
