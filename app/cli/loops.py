"""`bursar loops`: agents that go round in circles, and how strictly that is dealt with."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.choosing import choose, short_id
from app.cli.spend import Since, since_words, start_of
from app.core.errors import InvalidInput
from app.core.loops import DEFAULT_LEVELS, LoopKind, LoopLevel, loop_words
from app.core.money import format_exact_usd, format_usd
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.engine import Ledger
    from app.ledger.loop_store import Loop

app = typer.Typer(help="Agents that go round in circles, and how strictly that is dealt with.")
HEADERS = ["Id", "What repeats", "Cost", "Agent", "Project", "Session", "State", "Seen"]
_KIND_HELP = {
    LoopKind.REPEAT: "The same tool, arguments and result again and again.",
    LoopKind.FAILING: "The same tool call, which fails each time.",
    LoopKind.ERRORS: "One tool that fails each time, whatever its arguments.",
    LoopKind.CYCLE: "A few steps in the same order.",
    LoopKind.REQUEST: "The same request, one after the other.",
    LoopKind.PACE: "Spending far faster than usual.",
    LoopKind.CALLS: "Far more calls in a day than usual.",
}


def _level(kind: LoopKind) -> Any:
    return typer.Option(None, f"--{kind}", help=f"{_KIND_HELP[kind]} By default: {DEFAULT_LEVELS[kind]}.")


REPEAT, FAILING, ERRORS, CYCLE, REQUEST, PACE, CALLS = map(_level, LoopKind)


@app.callback(invoke_without_command=True)
def show_loops(
    context: typer.Context,
    project: str = typer.Option("", help="Of this project alone."),
    session: str = typer.Option("", help="Of this session alone."),
    since: Since = typer.Option(Since.WEEK, help="From when."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show the loops that were found, the newest first."""
    if context.invoked_subcommand is not None:
        return
    from app.ledger.loop_store import list_loops

    start = start_of(since, datetime.now(UTC), settings_zone(places.read_settings()))
    with places.opened_ledger() as ledger:
        found = list_loops(ledger, start, project=project, session=session)
    if as_json:
        console.print_json([_as_values(loop) for loop in found])
    elif not found:
        console.say(f"No agent went round in circles {since_words(since)}.")
    else:
        console.print_table(HEADERS, [_cells(loop) for loop in found], numbers=(2,))


@app.command("allow")
def allow_loop(
    loop: str = typer.Argument("", help="Its id as listed; may be left out when one stands in the way."),
    for_good: bool = typer.Option(False, "--for-good", help="However often it goes round."),
) -> None:
    """Let a loop go on, until it has gone round twice as often."""
    from app.ledger.loop_store import let_go_on

    with places.opened_ledger() as ledger:
        chosen = _find(ledger, loop)
        let_go_on(ledger, chosen.loop_id, by=places.user_name(), for_good=for_good)
    until = "for good" if for_good else f"until {chosen.finding.count * 2:,}"
    console.say(f"Goes on {until}: {loop_words(chosen.finding)}.")


@app.command("rules")
def show_rules(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Show what each kind of loop leads to."""
    from app.ledger.loop_rule_store import list_rules

    with places.opened_ledger() as ledger:
        rules = list_rules(ledger)
    own = {(rule.project, rule.kind): rule.level for rule in rules}
    projects = ["", *sorted({rule.project for rule in rules} - {""})]
    told = {project: {kind: _in_force(own, project, kind) for kind in LoopKind} for project in projects}
    if as_json:
        console.print_json([{"project": project, **levels} for project, levels in told.items()])
        return
    headers = ["Kind", *(project or "everywhere" for project in projects), "What it is"]
    rows = [[kind, *(told[project][kind] for project in projects), _KIND_HELP[kind]] for kind in LoopKind]
    console.print_table(headers, rows)


@app.command("set")
def set_levels(
    project: str = typer.Option("", help="For this project; without it, everywhere."),
    repeat: LoopLevel | None = REPEAT,
    failing: LoopLevel | None = FAILING,
    errors: LoopLevel | None = ERRORS,
    cycle: LoopLevel | None = CYCLE,
    request: LoopLevel | None = REQUEST,
    pace: LoopLevel | None = PACE,
    calls: LoopLevel | None = CALLS,
    defaults: bool = typer.Option(False, "--defaults", help="Take back what was set there."),
) -> None:
    """Say what kinds of loops lead to at most: off, note (listed), alert (you are told), pause (you are asked) or block
    (refused)."""
    from app.ledger.loop_rule_store import forget_rules, set_rules

    given = (repeat, failing, errors, cycle, request, pace, calls)
    levels = {kind: level for kind, level in zip(LoopKind, given, strict=True) if level is not None}
    if not levels and not defaults:
        raise InvalidInput("Nothing to set", "Name a kind and a level, like --repeat alert.")
    where = f"in {project}" if project else "everywhere"
    with places.opened_ledger() as ledger:
        if defaults:
            forget_rules(ledger, project)
        set_rules(ledger, project, levels)
    told = ", ".join(f"{kind}: {level}" for kind, level in levels.items()) or "as without a rule"
    console.say(f"Loops {where}: {told}.")


def _in_force(own: dict[tuple[str, LoopKind], LoopLevel], project: str, kind: LoopKind) -> LoopLevel:
    return own.get((project, kind)) or own.get(("", kind)) or DEFAULT_LEVELS[kind]


def _find(ledger: "Ledger", text: str) -> "Loop":
    from app.ledger.loop_store import list_loops

    found = list_loops(ledger, datetime.fromtimestamp(0, UTC))
    shown = found if text else [loop for loop in found if loop.stands]
    return choose(shown, text, lambda loop: (loop.loop_id,), kind="loop", listing="bursar loops")


def _state(loop: "Loop") -> str:
    if loop.was_let_go:
        return "let go on"
    if not loop.stands:
        return "told" if loop.told_at else "noted"
    return "refused" if loop.finding.level is LoopLevel.BLOCK else "waits"


def _cells(loop: "Loop") -> list[str]:
    return [
        short_id(loop.loop_id),
        loop_words(loop.finding),
        format_usd(loop.finding.cost_nano_usd),
        loop.tags.agent,
        loop.tags.project,
        short_id(loop.tags.session),
        _state(loop),
        f"{loop.seen_at.astimezone():%Y-%m-%d %H:%M}",
    ]


def _as_values(loop: "Loop") -> dict[str, Any]:
    finding, tags = loop.finding, loop.tags
    cost = finding.cost_nano_usd
    return {
        "id": loop.loop_id,
        "kind": finding.kind,
        "level": finding.level,
        "count": finding.count,
        "tools": finding.tools,
        "words": loop_words(finding),
        "cost_usd": None if cost is None else format_exact_usd(cost),
        "state": _state(loop),
        "agent": tags.agent,
        "sub_agent": loop.agent_id,
        "project": tags.project,
        "user": tags.user,
        "task": tags.task,
        "session": tags.session,
        "last_call_id": loop.call_id,
        "found_at": loop.found_at.isoformat(),
        "seen_at": loop.seen_at.isoformat(),
    }
