"""The pages of resources/docs that are made from the program: every command, every setting, the ledger's schema.

`python packaging/reference.py` writes them anew; a test holds them against the program.
"""

import re
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from sqlmodel import SQLModel

import app.ledger
import command_tree
from app.ledger.engine import open_ledger
from app.services.settings import Settings

DOCS = Path(__file__).resolve().parent.parent / "resources" / "docs"
_MADE = "<!-- Made by packaging/reference.py from the program itself; do not edit. -->"

MEANINGS = {
    "gateway_port": "Where the meter listens for agents with a base URL; 0 takes any free port.",
    "forward_port": "Where it listens as an HTTPS proxy; 0 takes any free port.",
    "theme": "How the windows are coloured: `system`, `light` or `dark`.",
    "tray_ink": "What the tray icon is drawn with: `automatic`, `light` or `dark`.",
    "time_zone": "The zone in which caps begin their days, like `Europe/Berlin`; empty is the machine's.",
    "is_set_up": "Whether the first run was gone through or skipped.",
    "notifications": "Whether Bursar tells anything outside its windows. The switch over the next six.",
    "notify_caps": "A cap reaches an alert level.",
    "notify_waiting": "An agent waits for an answer.",
    "notify_meter": "The meter stops, or runs again.",
    "notify_week": "What a week came to.",
    "week_told_on": "The weekday from which on the past week is told: 0 is Monday, 6 Sunday.",
    "notify_loops": "An agent repeats itself.",
    "quiet_from": "From when on caps, loops and the week keep still, like `22:00`; empty is never.",
    "quiet_to": "Until when, like `07:00`.",
    "upstreams": 'Base URLs that calls go to in the place of a provider\'s own: `{"openai": "https://llm.example.com"}`.',
    "private_destinations": "Places on this machine or its network that the HTTPS proxy may reach, like "
    "`gitlab.internal:443`.",
    "listen": "Where agents in containers and on other machines reach the meter, like `172.17.0.1:8443`; empty is "
    "nowhere.",
    "listen_names": "What those call this machine, like `host.docker.internal`.",
    "listen_anywhere": "Whether that may be an address that anybody can reach.",
    "backups_kept": "How many daily backups of the ledger are kept, from 1 to 1,000.",
    "retention_days": "Calls older than this are dropped once they are summed: 0 keeps all, else 40 at least.",
    "update_check": "Whether `bursar doctor` asks the release feed for a newer Bursar.",
    "update_feed": "The address of the release feed; empty is the one that this Bursar was built with.",
    "team_url": "The address of the team's ledger, without its password, which lies in the keyring; `bursar team join` "
    "sets it.",
    "team_name": "What that team is called; calls are labelled so.",
    "team_lease": "Dollars to have in advance of each cap of the team, for when it cannot be reached; empty is none.",
    "team_certificate": "The file of who vouches for the team's server; empty is whom the system believes.",
    "prometheus_port": "Where Prometheus is answered on this machine; 0 is nowhere. See [Exports](exports.md).",
    "otlp_endpoint": "The OpenTelemetry collector that is told of calls, like `http://localhost:4318`; empty is none.",
    "webhooks": "Who is told of what happens; made by `bursar webhooks add`, without addresses and secrets.",
    "lane": "How plain calls are carried: `fast` by the meter's own layer for HTTP, `hooks` by mitmproxy's.",
}
"""What each setting means. One that is missing here stops the making of its page, by name."""


def commands_page() -> str:
    """Every command with all its arguments and options."""
    lines = [_MADE, "# Every command", ""]
    lines += ["What each does, in the order of `bursar --help`. A `STR` is a text, an `INT` a whole number.", ""]
    for command in command_tree.every_command():
        if command.is_group and len(command.name.split()) > 1:
            lines += [f"## {command.name}", "", command.meaning, ""]
        else:
            lines += [f"{'#' * min(3, len(command.name.split()) + 1)} {command.name}", ""]
            lines += ["```text", command.synopsis, "```", "", command.meaning, ""]
        told = [f"- `{one.words}`{': ' + _cell(one.meaning) if one.meaning else ''}" for one in command.parameters]
        lines += [*told, ""] if told else []
    return _text(lines)


def settings_page() -> str:
    """Every setting with its default."""
    lines = [_MADE, "# Every setting", ""]
    lines += [
        "They stand in `settings.json` (`~/.config/bursar` on Linux), one object of JSON. What is not in the file has "
        "its default. Names that this version does not know are kept. A damaged file is told and never overwritten.",
        "",
        "| setting | default | what it means |",
        "|---|---|---|",
    ]
    for item in fields(Settings):
        if item.name != "unknown":
            lines.append(f"| `{item.name}` | `{_json(getattr(Settings(), item.name))}` | {MEANINGS[item.name]} |")
    return _text(lines)


def schema_page() -> str:
    """Every table of the ledger with its columns, as SQLite has them after the last migration."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite"
        open_ledger(file).close()
        database = sqlite3.connect(file)
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            lines = [_MADE, "# The ledger’s schema", ""]
            lines += [
                f"Version {version}. One SQLite file in WAL mode. Money is a whole number of nano-dollars (10⁻⁹ USD), "
                "an instant a whole number of microseconds since 1970 in UTC. NULL is unknown, never 0. Read it with "
                "`bursar export` or with SQLite, read only; write it through Bursar alone.",
                "",
            ]
            lines += [line for name in _tables(database) for line in _table(database, name)]
        finally:
            database.close()
    return _text(lines)


def _tables(database: sqlite3.Connection) -> list[str]:
    asked = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [name for (name,) in database.execute(asked)]


def _table(database: sqlite3.Connection, name: str) -> Iterator[str]:
    yield from (f"## {name}", "")
    meaning = _meanings_of_tables().get(name)
    if meaning:
        yield from (meaning, "")
    yield from ("| column | type | |", "|---|---|---|")
    for _, column, kind, is_needed, default, place in database.execute(f"PRAGMA table_info('{name}')"):
        notes = ["key"] if place else []
        notes += [] if is_needed or place else ["may be NULL"]
        notes += [f"default {default}"] if default not in (None, "") else []
        yield f"| `{column}` | {kind} | {', '.join(notes)} |"
    yield ""


def _meanings_of_tables() -> dict[str, str]:
    """The first sentence that a table's class says of itself."""
    for module in iter_modules(app.ledger.__path__):
        import_module(f"app.ledger.{module.name}")
    found = dict.fromkeys(SQLModel.metadata.tables, "")
    waiting = list(SQLModel.__subclasses__())
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if one.__doc__ and getattr(one, "__tablename__", None) in found:
            found[str(one.__tablename__)] = " ".join(one.__doc__.split())
    return found


def _json(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, StrEnum | str):
        return f'"{value}"'
    return {"()": "[]", "{}": "{}"}.get(str(value), str(value))


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def _text(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "schema.md": schema_page,
}


def main() -> int:
    """Write the pages that are not as they should be; tells each."""
    for name, page in PAGES.items():
        file, text = DOCS / name, page()
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            print(f"written: {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
