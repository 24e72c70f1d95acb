"""`bursar explain`: why a task cost what it did."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.money import format_exact_usd
from app.core.wording import counted

if TYPE_CHECKING:
    from app.core.call_sum import Account
    from app.core.tool_call import ToolSums
    from app.insight.explain import Explanation
    from app.insight.family import Line
    from app.ledger.engine import Ledger

TYPICAL = "typical"
_AROUND = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class _Other:
    """What a task is compared with: so many tasks, and what to call them."""

    account: "Account"
    tasks: int
    name: str


def explain_cost(
    name: str = typer.Argument(help="A task's label, or a session.", metavar="TASK|SESSION"),
    against: str = typer.Option(TYPICAL, help="Another task or session; typical: the mean of the agent's others."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Take the difference between two tasks' costs apart: the parts sum to it, to the nano-dollar."""
    from app.insight.comparison import last_of
    from app.insight.explain import explain
    from app.insight.family import family_of
    from app.insight.rates import rate_card
    from app.insight.sides import side_of
    from app.insight.tools import tools_values
    from app.ledger.origin_sums import task_origins
    from app.ledger.tool_store import task_tool_sums

    with places.opened_history() as ledger:
        mine = _task(ledger, name)
        other = _typical(ledger, mine) if against == TYPICAL else _Other(_task(ledger, against), 1, against)
        family, tools = family_of(task_origins(ledger, name)), task_tool_sums(ledger, name)
    card = rate_card([*mine.sums, *other.account.sums], last_of(mine))
    found = explain(side_of(mine, card), side_of(other.account, card, tasks=other.tasks))
    if as_json:
        console.print_json(
            _as_values(name, other, found) | {"family": [asdict(line) for line in family]} | tools_values(tools)
        )
        return
    _tell(name, other, found)
    if family:
        _tell_family(name, family)
    if tools.tools:
        _tell_tools(tools)


def _task(ledger: "Ledger", name: str) -> "Account":
    from app.ledger.accounts import account_of_task

    account = account_of_task(ledger, name)
    if not account.sums:
        raise InvalidInput("No such task or session", f"“{name[:60]}” made no call. See: bursar spend --by task")
    return account


def _typical(ledger: "Ledger", mine: "Account") -> _Other:
    """The other tasks of the same agents, four weeks around this one's end. Raises InvalidInput for none."""
    from app.core.call_sum import Account
    from app.insight.comparison import agents_of, last_of, typical_task
    from app.ledger.accounts import account_between

    end, agents = last_of(mine), agents_of(mine)
    around = [account_between(ledger, end - _AROUND, end + _AROUND, agent=agent) for agent in agents]
    found = typical_task(mine, sum(around, Account()))
    if not found.tasks:
        who = ", ".join(agent or "(not told)" for agent in agents)
        raise InvalidInput(
            "There is nothing to compare with", f"{who} did no other task in four weeks. Name one with --against."
        )
    return _Other(
        found.account, found.tasks, f"the mean of {counted(found.tasks, 'other task')} of {', '.join(agents)}"
    )


def _tell(name: str, other: _Other, found: "Explanation") -> None:
    from app.insight.wording import difference_sentence, part_sentence, unpriced_sentence

    console.say(difference_sentence(found, name, other.name))
    for part in found.largest_first:
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


def _tell_tools(tools: "ToolSums") -> None:
    from app.insight.tools import HEADERS, failing_rows, tools_sentences

    console.say("")
    for sentence in tools_sentences(tools):
        console.say(sentence)
    if rows := failing_rows(tools):
        console.print_table(HEADERS, rows, numbers=range(1, len(HEADERS)))


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
