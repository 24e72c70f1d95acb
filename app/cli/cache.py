"""`bursar cache`: what was sent again, what the providers' caches spared of it, and what was lost to what."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.spend import Since, since_words, start_of
from app.core.call_input import ChosenCalls, DefinedTool, InputSums, SessionLoss
from app.core.errors import InvalidInput
from app.core.money import format_call_usd, format_exact_usd
from app.core.wording import counted, format_tokens
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.engine import Ledger

_TOOLS_SHOWN = 12


def show_cache(
    name: str = typer.Argument(
        "", help="A task's label, or a session; all calls if left out.", metavar="[TASK|SESSION]"
    ),
    project: str = typer.Option("", help="Of this project alone."),
    agent: str = typer.Option("", help="Of this agent alone."),
    since: Since | None = typer.Option(None, help="From when: this week; for a task or a session, ever."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show how much input was sent again, how much of that was paid in full, and why."""
    from app.ledger.call_input_store import defined_tools, input_sums, worst_sessions

    period = since or (Since.ALL if name else Since.WEEK)
    now = datetime.now(UTC)
    start = start_of(period, now, settings_zone(places.read_settings()))
    chosen = ChosenCalls(start, now, project=project, agent=agent)
    with places.opened_ledger() as ledger:
        if name:
            chosen = _named(ledger, name, chosen)
        sums, tools = input_sums(ledger, chosen), defined_tools(ledger, chosen)
        worst = () if chosen.session else worst_sessions(ledger, chosen)
    if as_json:
        console.print_json({"since": period, "name": name, **_as_values(sums, worst, tools)})
    elif not sums.calls:
        console.say(f"No call whose input can be told was made {since_words(period)}.")
    else:
        _print(sums, worst, tools)


def _named(ledger: "Ledger", name: str, among: ChosenCalls) -> ChosenCalls:
    from app.ledger.call_input_store import calls_named

    found = calls_named(ledger, name, among)
    if found is None:
        title = "No such task or session"
        raise InvalidInput(title, f"“{name[:60]}” made no such call. See: bursar spend --by session")
    return found


def _print(sums: InputSums, worst: tuple[SessionLoss, ...], tools: tuple[DefinedTool, ...]) -> None:
    given, again = format_tokens(sums.input_tokens), format_tokens(sums.resent_tokens)
    read, missed = format_tokens(sums.read_tokens), format_tokens(sums.missed_tokens)
    console.say(f"{counted(sums.calls, 'call')} took {given} tokens of input. {again} of these had been sent before.")
    console.say(f"{read} of those were read from a cache, {missed} were paid in full: {_lost(sums)} more than reading.")
    if sums.causes:
        rows = [
            [one.cause, f"{one.calls:,}", format_tokens(one.missed_tokens), _usd(one.lost_nano_usd)]
            for one in sums.causes
        ]
        _table(["Why", "Calls", "Tokens", "Lost"], rows, (1, 2, 3))
    if len(worst) > 1 or (worst and worst[0].session):
        rows = [[one.session, one.agent, _above_all(one), f"{one.calls:,}", _usd(one.lost_nano_usd)] for one in worst]
        _table(["Session that lost most", "Agent", "Above all", "Calls", "Lost"], rows, (3, 4))
    _print_tools(sums, tools)


def _print_tools(sums: InputSums, tools: tuple[DefinedTool, ...]) -> None:
    if not tools:
        return
    unused = [tool for tool in tools if not tool.uses]
    spent = f"{format_tokens(sums.tool_tokens)} tokens, {_usd(sums.tool_nano_usd)}"
    console.say(f"\nDefining {counted(len(tools), 'tool')} took about {spent}.")
    if unused:
        rows = [
            [tool.name or "(no name)", f"{tool.calls:,}", format_tokens(tool.tokens), _usd(tool.nano_usd)]
            for tool in unused[:_TOOLS_SHOWN]
        ]
        left = unused[_TOOLS_SHOWN:]
        if left:
            tokens, nano = sum(tool.tokens for tool in left), sum(tool.nano_usd for tool in left)
            rows.append([f"{len(left)} more", "", format_tokens(tokens), _usd(nano)])
        _table(["Tool never used", "Calls that defined it", "Tokens", "Cost"], rows, (1, 2, 3))


def _table(headers: list[str], rows: list[list[str]], numbers: tuple[int, ...]) -> None:
    console.say("")
    console.print_table(headers, rows, numbers=numbers)


def _above_all(loss: SessionLoss) -> str:
    return f"{loss.cause} ({loss.changed_block})" if loss.changed_block else str(loss.cause)


def _lost(sums: InputSums) -> str:
    return _usd(sums.lost_nano_usd) + ("+" if sums.unpriced_calls else "")


def _usd(nano_usd: int) -> str:
    return format_call_usd(nano_usd)


def _as_values(sums: InputSums, worst: tuple[SessionLoss, ...], tools: tuple[DefinedTool, ...]) -> dict[str, Any]:
    whole = asdict(sums)
    del whole["causes"]
    return _in_dollars(whole) | {
        "causes": [_in_dollars(asdict(one)) for one in sums.causes],
        "worst_sessions": [_in_dollars(asdict(one)) for one in worst],
        "tools": [_in_dollars(asdict(one)) for one in tools],
    }


def _in_dollars(values: dict[str, Any]) -> dict[str, Any]:
    """Amounts as texts in dollars, under the names that scripts know."""
    return {
        key.replace("nano_usd", "usd"): format_exact_usd(value) if key.endswith("nano_usd") else value
        for key, value in values.items()
    }
