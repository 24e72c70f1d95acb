"""`bursar export run`, `set` and `status`: what is exported by itself."""

import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.stdin_keys import read_keys
from app.core.errors import InvalidInput, LedgerDamaged, LedgerGone

if TYPE_CHECKING:
    from app.ledger.engine import Ledger
    from app.services.exports.status import ExportStates

app = typer.Typer()


@app.command("run")
def run(
    keys_from_stdin: bool = typer.Option(
        False,
        "--keys-from-stdin",
        help='Read {"webhook/NAME/address": "…", "webhook/NAME/secret": "…", "otlp/headers": "…"} from the first line.',
    ),
) -> None:
    """Run what the settings want to be exported, and webhooks, until it is stopped. Needs no screen.

    The tray does the same: whoever comes second waits, and takes over when the first ends.
    """
    from app.keys.vault import FixedVault, KeyringVault
    from app.services.exports.running import Exports, running_exports

    places.refuse_exposed()
    places.keep_log("exports")
    vault = FixedVault(read_keys()) if keys_from_stdin else KeyringVault()
    ledger = _ledger_in_any_state()
    exports = Exports(ledger, places.settings_file(), vault, "bursar export run")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    before = running_exports(ledger.path)
    console.say("Exports run here. Stop with Ctrl+C." if before is None else f"{before.holder} runs them. Waiting.")
    exports.start()
    stop.wait()
    exports.stop()
    ledger.close()


@app.command("set")
def set_exports(
    prometheus: int | None = typer.Option(None, min=0, max=65_535, help="Its port on this machine; 0 for none."),
    otlp: str | None = typer.Option(None, help="A collector's address, like http://localhost:4318; '' for none."),
    otlp_headers: bool = typer.Option(False, "--otlp-headers", help="Ask for its headers: name=value,name=value."),
) -> None:
    """Choose what is exported by itself. Headers are typed unseen, or read from standard input, into the keyring."""
    from app.keys.vault import KeyringVault
    from app.services.exports.parts import keep_headers
    from app.services.settings import change_settings

    settings = places.read_settings()
    endpoint = settings.otlp_endpoint if otlp is None else otlp.strip()
    if prometheus is None and otlp is None and not otlp_headers:
        raise InvalidInput("Nothing to set", "Name --prometheus, --otlp or --otlp-headers. See: bursar export status")
    if otlp_headers:
        keep_headers(KeyringVault(), endpoint, console.read_secret("Headers"))
    port = settings.prometheus_port if prometheus is None else prometheus
    change_settings(places.settings_file(), prometheus_port=port, otlp_endpoint=endpoint)
    _show_states()


@app.command("status")
def status(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """What is exported by itself, who does it, and what does not arrive. Status 1 when something is in trouble."""
    states = _show_states(as_json=as_json)
    if any(state.trouble for state in states.parts) or (states.parts and states.running is None):
        raise typer.Exit(1)


def _show_states(*, as_json: bool = False) -> "ExportStates":
    from app.services.exports.status import export_states

    with places.opened_ledger() as ledger:
        states = export_states(ledger, places.read_settings(), datetime.now(UTC))
    if as_json:
        console.print_json(_as_json(states))
        return states
    if not states.parts:
        console.say("Nothing is exported by itself. See: bursar export set --help, bursar webhooks add --help")
        return states
    rows = [[state.name, state.place, state.state, state.trouble] for state in states.parts]
    console.print_table(["Export", "Where", "State", "Trouble"], rows)
    if states.running is None:
        console.say("Nobody runs them. The tray does, or: bursar export run")
    else:
        console.say(f"Run by {states.running.holder} (process {states.running.pid}).")
    return states


def _as_json(states: "ExportStates") -> dict[str, Any]:
    parts = [{"name": one.name, "place": one.place, "state": one.state, "trouble": one.trouble} for one in states.parts]
    running = states.running
    return {"run_by": None if running is None else running.holder, "pid": running and running.pid, "exports": parts}


def _ledger_in_any_state() -> "Ledger":
    """The ledger; one that is damaged or gone is waited for, and that is told by webhook. Raises LedgerError."""
    from app.ledger.engine import await_ledger, open_ledger

    file = places.ledger_file()
    try:
        return open_ledger(file)
    except (LedgerDamaged, LedgerGone) as error:
        console.show_error(error)
        return await_ledger(file)
