"""`bursar import`: what happened before, or beside, the meter."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.history import BillSource, LogSource
from app.core.wording import counted

if TYPE_CHECKING:
    from app.services.imports.agent_logs import Imported

_TROUBLES_SHOWN = 5


class Source(StrEnum):
    """An agent, whose logs are read, or a provider, whose export is."""

    CLAUDE_CODE = LogSource.CLAUDE_CODE
    CODEX = LogSource.CODEX
    GEMINI = LogSource.GEMINI
    OPENCODE = LogSource.OPENCODE
    OPENAI = BillSource.OPENAI
    ANTHROPIC = BillSource.ANTHROPIC
    OPENROUTER = BillSource.OPENROUTER


def import_history(
    source: Source = typer.Argument(help="An agent or a provider."),
    paths: list[Path] = typer.Argument(None, help="Logs or folders of logs; where the agent keeps them if left out."),
    export: Path | None = typer.Option(None, "--from", help="A provider's export of its costs, as CSV."),
    days: int = typer.Option(0, "--days", help="Ask the provider itself, with an admin key that is typed unseen."),
    as_json: bool = typer.Option(False, "--json", help="For scripts."),
) -> None:
    """Read an agent's own logs, or what a provider says it charged: its export, or its own answer. Reading them again
    changes nothing."""
    if source.value in {provider.value for provider in BillSource}:
        _import_bill(BillSource(source), export, days, as_json=as_json)
        return
    if export is not None or days:
        raise InvalidInput("Agents have no export", f"Name the logs behind it: bursar import {source} PATH")
    from app.services.imports.agent_logs import import_logs

    with places.opened_history() as ledger:
        imported = import_logs(ledger, LogSource(source), paths or [], places.user_name())
    if as_json:
        console.print_json(asdict(imported))
        return
    console.say(_told(source, imported))
    for line in _troubles(imported):
        console.tell(line)


def _import_bill(source: BillSource, export: Path | None, days: int, *, as_json: bool) -> None:
    if (export is None) == (not days):
        how = f"bursar import {source} --from FILE.csv, or with an admin key: bursar import {source} --days 31"
        raise InvalidInput("Name an export or a number of days", f"Write: {how}")
    from app.services.imports.fetched_bills import fetch_bill
    from app.services.imports.provider_bills import import_bill
    from app.services.provider_keys import check_key

    key = "" if export is not None else check_key(console.read_secret(f"Admin key for {source}"))
    with places.opened_ledger() as ledger:
        if export is not None:
            bill = import_bill(ledger, source, export)
        else:
            bill = fetch_bill(ledger, source, key, days, places.read_settings().upstreams, datetime.now(UTC))
    if as_json:
        console.print_json(asdict(bill))
        return
    console.say(f"{source}: {counted(bill.days, 'day')}, {counted(bill.items, 'amount')}.")
    if bill.broken_lines:
        console.tell(_left_out(bill.broken_lines))


def _told(source: Source, imported: "Imported") -> str:
    stored = imported.stored
    calls = f"{counted(stored.new, 'new call')}, {stored.known + stored.grown:,} known"
    return f"{source}: {counted(imported.files, 'file')}, {calls}, {imported.on_wire:,} metered as well."


def _troubles(imported: "Imported") -> list[str]:
    said = [f"Left out, it cannot be read: {name}" for name in imported.unreadable[:_TROUBLES_SHOWN]]
    if len(imported.unreadable) > _TROUBLES_SHOWN:
        said.append(f"And {counted(len(imported.unreadable) - _TROUBLES_SHOWN, 'more file')}.")
    if imported.broken_lines:
        said.append(_left_out(imported.broken_lines))
    return said


def _left_out(lines: int) -> str:
    return f"Left out, because it cannot be read: {counted(lines, 'line')}."
