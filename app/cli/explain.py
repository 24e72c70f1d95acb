"""`bursar explain`: why a task cost what it did."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.money import format_exact_usd
from app.core.wording import counted

if TYPE_CHECKING:
    from app.core.call_sum import CallSum
    from app.insight.explain import Explanation
    from app.insight.family import Line
    from app.ledger.engine import Ledger

TYPICAL = "typical"
_AROUND = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class _Other:
    """What a task is compared with: sums of so many tasks, and what to call them."""

    sums: "list[CallSum]"
    tasks: int
    name: str


def explain_cost(
    name: str = typer.Argument(help="A task's label, or a session.", metavar="TASK|SESSION"),
    against: str = typer.Option(TYPICAL, help="Another task or session; typical: the mean of the agent's others."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Take the difference between two tasks' costs apart: the parts sum to it, to the nano-dollar."""
    from app.insight.explain import explain, side_of
    from app.insight.family import family_of
    from app.insight.rates import rate_card
    from app.ledger.origin_sums import task_origins

    with places.opened_history() as ledger:
        mine = _task(ledger, name)
        other = _typical(ledger, mine) if against == TYPICAL else _Other(_task(ledger, against), 1, against)
        family = family_of(task_origins(ledger, name))
    card = rate_card([*mine, *other.sums], _last(mine))
    found = explain(side_of(mine, card), side_of(other.sums, card, tasks=other.tasks))
    if as_json:
        console.print_json(_as_values(name, other, found) | {"family": [asdict(line) for line in family]})
        return
    _tell(name, other, found)
    if family:
        _tell_family(name, family)


def _task(ledger: "Ledger", name: str) -> "list[CallSum]":
    from app.ledger.call_sums import task_sums

    sums = task_sums(ledger, name)
    if not sums:
        raise InvalidInput("No such task or session", f"“{name[:60]}” made no call. See: bursar spend --by task")
    return sums


def _typical(ledger: "Ledger", mine: "list[CallSum]") -> _Other:
    """The other tasks of the same agents, four weeks around this one's end. Raises InvalidInput for none."""
    from app.ledger.call_sums import call_sums

    own, end = {one.task for one in mine}, _last(mine)
    agents = sorted({task.agent for task in own})
    labels = {task.name for task in own}
    found = [one for agent in agents for one in call_sums(ledger, end - _AROUND, end + _AROUND, agent=agent)]
    others = [one for one in found if one.task.is_told and one.task.name not in labels]
    tasks = len({one.task for one in others})
    if not tasks:
        who = ", ".join(agent or "(not told)" for agent in agents)
        raise InvalidInput(
            "There is nothing to compare with", f"{who} did no other task in four weeks. Name one with --against."
        )
    return _Other(others, tasks, f"the mean of {counted(tasks, 'other task')} of {', '.join(agents)}")


def _last(sums: "list[CallSum]") -> datetime:
    return max((one.last_at for one in sums if one.last_at is not None), default=datetime.now(UTC))


def _tell(name: str, other: _Other, found: "Explanation") -> None:
    from app.insight.wording import difference_sentence, part_sentence, unpriced_sentence

    console.say(difference_sentence(found, name, other.name))
    parts = sorted((part for part in found.parts if part.nano_usd), key=lambda part: -abs(part.nano_usd))
    for part in parts:
        console.say(f"- {part_sentence(part, found)}")
    if unpriced := unpriced_sentence(found):
        console.say(unpriced)
    rows = [[part.cause.value, format_exact_usd(part.nano_usd)] for part in found.parts]
    rows.append(["difference", format_exact_usd(found.difference_nano_usd)])
    console.say("")
    console.print_table(["Part", "Dollars, exactly"], rows, numbers=(1,))


def _tell_family(name: str, family: "Sequence[Line]") -> None:
    from app.insight.family import line_cost, line_name

    console.say("")
    rows = [[line_name(line), f"{line.calls:,}", line_cost(line)] for line in family]
    console.print_table([f"What {name} was made of", "Calls", "Cost"], rows, numbers=(1, 2))


def _as_values(name: str, other: _Other, found: "Explanation") -> dict[str, Any]:
    return {
        "name": name,
        "against": other.name,
        "tasks_against": other.tasks,
        "cost_nano_usd": found.mine.whole_nano_usd,
        "against_nano_usd": found.other.whole_nano_usd,
        "difference_nano_usd": found.difference_nano_usd,
        "parts": [asdict(part) for part in found.parts],
        "unpriced_calls": float(found.mine.unpriced_calls),
        "unpriced_calls_against": float(found.other.unpriced_calls),
    }
