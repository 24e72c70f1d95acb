"""`bursar proxy`: the meter in the foreground, without a tray; and a running one replaced by another."""

import signal
import sys
import threading
import time
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from app.cli import console, places
from app.cli.stdin_keys import read_keys
from app.core.errors import InvalidInput, MeterError
from app.core.network import NetworkPlace, parse_network_place
from app.core.webhooks import is_export_entry
from app.services.setting_checks import MAX_PORT
from app.services.settings import Settings

if TYPE_CHECKING:
    from app.ledger.engine import Ledger
    from app.services.keeper import Keeper
    from app.services.kept_meter import KeptMeter

_LOOK_S = 0.2
_REPLACED_WITHIN_S = 60.0

app = typer.Typer()


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    gateway_port: int | None = typer.Option(None, min=0, max=MAX_PORT, help="Port for base URLs; 0 takes a free one."),
    forward_port: int | None = typer.Option(
        None, min=0, max=MAX_PORT, help="Port for HTTPS_PROXY; 0 takes a free one."
    ),
    listen: str = typer.Option("", metavar="ADDRESS:PORT", help="Also for containers and other machines, with TLS."),
    listen_name: list[str] = typer.Option([], metavar="NAME", help="What they call this machine; may be repeated."),
    listen_anywhere: bool = typer.Option(False, "--listen-anywhere", help="Yes, on an address anybody may reach."),
    keys_from_stdin: bool = typer.Option(
        False,
        "--keys-from-stdin",
        help='Read {"openai": "…", "openai/LABEL": "…"} from the first line of input.',
    ),
) -> None:
    """Run the meter in the foreground until Ctrl-C. Needs no screen."""
    if context.invoked_subcommand is not None:
        return
    places.refuse_exposed()
    places.keep_log("proxy")
    read = _with_ports(places.read_settings(), gateway_port, forward_port)
    settings, network = _with_network(read, listen, tuple(listen_name), listen_anywhere)
    _keep_serving(settings, network, read_keys() if keys_from_stdin else None)
    console.tell("The meter has stopped.")


def _keep_serving(settings: Settings, network: NetworkPlace | None, keys: dict[str, str] | None) -> None:
    """Until a signal comes, or somebody asks the meter to end. Raises MeterError, LedgerError."""
    from app.keys.vault import FixedVault, KeyringVault
    from app.ledger.attendance import attend_keeper
    from app.services.exports.running import Exports
    from app.services.jobs import start_jobs
    from app.services.kept_meter import KeptMeter

    stop = _stop_on_signals()
    with places.opened_ledger() as ledger:
        _require_none_running(ledger)
        own = None if keys is None else {name: key for name, key in keys.items() if not is_export_entry(name)}
        meter = KeptMeter(settings, ledger.path, own)
        keeper = attend_keeper(ledger, urlsplit(meter.gateway_url).port or 0)
        jobs = start_jobs(ledger, settings.backups_kept)
        vault = KeyringVault() if keys is None else FixedVault(keys)
        exports = Exports(ledger, places.settings_file(), vault, "bursar proxy")
        exports.start()
        try:
            _say_where(meter, network)
            _tell_trouble(meter, stop)
        finally:
            keeper.release()
            exports.stop()
            jobs.stop()
            meter.stop()


@app.command("restart")
def restart() -> None:
    """Replace the running meter by another one, with the settings as they are now, or start one that was given up.

    No call is lost or refused: the new meter takes the next ones, and the old one ends those that it has.
    """
    from app.services.keeper import keepers_of, renew_meter
    from app.services.meter import renewed_command

    kept = keepers_of(places.ledger_file().resolve())
    if not kept:
        raise MeterError("No meter is kept running", "Start one with: bursar, or bursar proxy")
    for keeper in kept:
        renew_meter(keeper, renewed_command(keeper, places.read_settings(), places.ledger_file().resolve()))
        _wait_for_another(keeper)
    console.say("A new meter serves. What the one before it had on its way goes to its end.")


def _wait_for_another(before: "Keeper") -> None:
    """Raises MeterError when it does not come."""
    from app.services.keeper import KeeperPhase, keepers_of

    deadline = time.monotonic() + _REPLACED_WITHIN_S
    while time.monotonic() < deadline:
        now = next((one for one in keepers_of(places.ledger_file().resolve()) if one.pid == before.pid), None)
        if now is None:
            break
        if now.phase is KeeperPhase.RUNNING and now.meter_pid != before.meter_pid:
            return
        if now.reason and now.reason != before.reason and now.phase is not KeeperPhase.STARTING:
            goes_on = " The one before it goes on." if now.phase is KeeperPhase.RUNNING else ""
            raise MeterError("The new meter does not start", now.reason + goes_on)
        time.sleep(_LOOK_S)
    raise MeterError("The new meter does not start", "Its log tells more. See: bursar doctor")


def _tell_trouble(meter: "KeptMeter", stop: threading.Event) -> None:
    """Until it is over; say when the meter is given up. Raises MeterError when there can be none."""
    from app.services.keeper import TRY_AGAIN

    told = ""
    while not stop.is_set() and not meter.wait(_LOOK_S):
        trouble = meter.trouble
        if trouble and not told:
            console.tell(f"{trouble} Calls are answered with an error until: {TRY_AGAIN}")
        told = trouble


def _with_ports(settings: Settings, gateway_port: int | None, forward_port: int | None) -> Settings:
    return replace(
        settings,
        gateway_port=settings.gateway_port if gateway_port is None else gateway_port,
        forward_port=settings.forward_port if forward_port is None else forward_port,
    )


def _stop_on_signals() -> threading.Event:
    """An event that Ctrl-C and a polite end of the process set."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    return stop


def _require_none_running(ledger: "Ledger") -> None:
    from app.ledger.meter_state import running_meter

    running = running_meter(ledger)
    if running is not None:
        raise MeterError(
            "A meter is running already", f"It listens at {running.gateway_url} (process {running.pid}); agents use it."
        )


def _with_network(
    settings: Settings, listen: str, names: tuple[str, ...], is_meant: bool
) -> tuple[Settings, NetworkPlace | None]:
    """The settings with what was said on the command line, and where agents elsewhere reach the meter; None for
    nowhere. Raises InvalidInput."""
    if listen:
        settings = replace(settings, listen=listen, listen_names=names, listen_anywhere=is_meant)
    elif names or is_meant:
        raise InvalidInput("Nowhere to listen", "--listen-name and --listen-anywhere go with --listen ADDRESS:PORT.")
    if not settings.listen:
        return settings, None
    return settings, parse_network_place(settings.listen, settings.listen_names, is_meant=settings.listen_anywhere)


def _say_where(meter: "KeptMeter", network: NetworkPlace | None) -> None:
    console.say(f"The meter listens at {meter.gateway_url} (base URL) and {meter.forward_url} (HTTPS proxy).")
    if network is not None:
        console.say(f"Agents in containers and on other machines reach it at {network.url}, with a virtual key and")
        console.say(f"its certificate: bursar env --at {network.url} --shell docker, bursar ca.")
    console.say("Set an agent up with: bursar env. Ctrl-C stops the meter.")
    sys.stdout.flush()
