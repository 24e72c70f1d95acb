"""What a task is compared with to explain its cost: the agent's other tasks, or one that a person names."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.call_sum import Account

LEAST_TASKS = 5
"""Fewer tasks than these have no mean worth the name."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The calls of so many tasks, whose mean is the other side."""

    account: Account
    tasks: int


def agents_of(mine: Account) -> list[str]:
    """The agents that did a task."""
    return sorted({one.task.agent for one in mine.sums})


def last_of(mine: Account) -> datetime:
    """When its newest call began; now where it made none."""
    return max((one.last_at for one in mine.sums if one.last_at is not None), default=datetime.now(UTC))


def typical_task(mine: Account, found: Account) -> Comparison:
    """The tasks of what was found that are told and are not this one."""
    labels = {one.task.name for one in mine.sums}
    others = found.where(lambda task: task.is_told and task.name not in labels)
    return Comparison(others, len({one.task for one in others.sums}))
