"""Running one agent behind the meter: its own key for the time of the run, its terminal, signals and exit status."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from app.core.errors import InvalidInput
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.engine import Ledger
from app.ledger.key_store import revoke_key
from app.ledger.meter_state import running_meter
from app.services.kept_meter import KeptMeter
from app.services.launch import Connection, agent_command, agent_environment
from app.services.receipt import Receipt, settled_receipt
from app.services.settings import Settings

KEY_LIFE = timedelta(days=30)
"""A run that is killed cannot revoke its key; then the key ends by itself, long after any run."""

NOT_FOUND, NOT_EXECUTABLE, SIGNAL_BASE = 127, 126, 128


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: the agent's exit status as a shell tells it (128 + signal), and what it cost."""

    exit_status: int
    receipt: Receipt


class CommandMissing(InvalidInput):
    """The agent's program cannot be started; `exit_status` is what a shell would give."""

    def __init__(self, title: str, message: str, exit_status: int) -> None:
        super().__init__(title, message)
        self.exit_status = exit_status


def run_metered(ledger: Ledger, settings: Settings, command: Sequence[str], tags: Tags) -> Finished:
    """Run `command` with its calls charged to `tags` and wait for its end.

    Uses the running meter, or one of its own that ends with the run. Raises CommandMissing, MeterError, LedgerError.
    """
    name = f"run {tags.agent} {secrets.token_hex(4)}"
    with _metered(ledger, settings) as gateway_url:
        key, token = issue_key(ledger, name=name, tags=tags, expires_at=datetime.now(UTC) + KEY_LIFE)
        try:
            connection = Connection(gateway_url, token)
            environment = agent_environment(connection, os.environ, command[0])
            exit_status = _run(agent_command(command, gateway_url), environment)
            return Finished(exit_status, settled_receipt(ledger, key.key_id))
        finally:
            revoke_key(ledger, key.key_id)


def folder_project(folder: Path) -> str:
    """The project that a folder belongs to: the name of its Git repository's folder, else its own."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place.name
    return folder.name


@contextmanager
def _metered(ledger: Ledger, settings: Settings) -> Iterator[str]:
    """The gateway's URL of the running meter, or of one started for the time of the block on free ports.

    Free ports leave the usual ones to the tray, which may be started meanwhile.
    """
    running = running_meter(ledger)
    if running is not None:
        yield running.gateway_url
        return
    meter = KeptMeter(_on_free_ports(settings), ledger.path)
    try:
        yield meter.gateway_url
    finally:
        meter.stop()


def _on_free_ports(settings: Settings) -> Settings:
    from dataclasses import replace

    return replace(settings, gateway_port=0, forward_port=0)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        raise CommandMissing("No such command", f"“{command[0]}” is not on the PATH.", NOT_FOUND) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CommandMissing("The command cannot be started", f"“{command[0]}”: {reason}.", NOT_EXECUTABLE) from None
    with _signals_passed_to(process):
        status = process.wait()
    return status if status >= 0 else SIGNAL_BASE - status


@contextmanager
def _signals_passed_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Outlive the agent whatever is sent, and hand it on.

    At a terminal Ctrl-C reaches the agent by itself, and a second one from here would mean something else to it.
    """

    def hand_on(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32":
        numbers += [signal.SIGHUP, signal.SIGQUIT]
    former = {number: signal.signal(number, hand_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
