"""Running one agent behind the meter: its own key for the time of the run, its terminal, signals and exit status."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import FrameType

from app.core.assurance import Assurance
from app.core.caps import Action, Payer
from app.core.errors import InvalidInput
from app.core.key_limits import KeyCap
from app.core.tags import Scope, Tags, clean_label
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.assurance_store import note_level
from app.ledger.budget import budget_of
from app.ledger.cap_store import CapStatus, list_caps, remove_cap
from app.ledger.engine import Ledger
from app.ledger.key_store import list_keys, revoke_key
from app.services.agents.recipe import Connection
from app.services.agents.recipes import recipe_for
from app.services.launch import agent_command, agent_environment
from app.services.receipt import Receipt, settled_receipt
from app.services.sandbox import Sandbox, SandboxedAgent, Ways, sandboxed_agent
from app.services.settings import Settings
from app.services.shared_meter import shared_meter

KEY_LIFE = timedelta(days=30)
"""A run that is killed cannot revoke its key; then the key ends by itself, long after any run."""

NOT_FOUND, NOT_EXECUTABLE, SIGNAL_BASE = 127, 126, 128


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: the agent's exit status as a shell tells it (128 + signal), what it cost and was charged to,
    the caps it counted in, tightest first, and why the meter was gone at the end, where it was."""

    exit_status: int
    receipt: Receipt
    tags: Tags
    caps: tuple[CapStatus, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RunLimit:
    """What all calls of one run may cost together, in nano-dollars, and what the next one meets then."""

    nano_usd: int
    action: Action = Action.PAUSE


class CommandMissing(InvalidInput):
    """The agent's program cannot be started; `exit_status` is what a shell would give."""

    def __init__(self, title: str, message: str, exit_status: int) -> None:
        super().__init__(title, message)
        self.exit_status = exit_status


def run_metered(
    ledger: Ledger,
    settings: Settings,
    command: Sequence[str],
    tags: Tags,
    limit: RunLimit | None = None,
    sandbox: Sandbox | None = None,
) -> Finished:
    """Run `command` with its calls charged to `tags` and wait for its end.

    Uses the running meter, or starts one that ends with the last run, and sees to it that there is one until the end.
    Raises CommandMissing, MeterError, LedgerError.
    """
    _remove_caps_of_past_runs(ledger)
    recipe, name = recipe_for(command[0]), f"run {tags.agent} {secrets.token_hex(4)}"
    if recipe.programs and not recipe.names_session:
        tags = replace(tags, session=clean_label(name))
    with shared_meter(ledger, settings) as meter:
        ways = Ways(meter.gateway_url, meter.forward_url)
        key, token = issue_key(
            ledger, name=name, tags=tags, expires_at=datetime.now(UTC) + KEY_LIFE, cap=_key_cap(limit)
        )
        if sandbox is not None:
            note_level(ledger, key.key_id, Assurance.SANDBOXED)
        try:
            connection = Connection(ways.gateway_url, token)
            environment = agent_environment(connection, os.environ, recipe)
            line = agent_command(command, connection)
            if sandbox is None:
                exit_status = _wait_for(_started(line, environment), line)
            else:
                exit_status = _wait_for(sandboxed_agent(sandbox, line, environment, ways, token), line)
            trouble = meter.trouble()
            receipt = settled_receipt(ledger, key.key_id)
            return Finished(exit_status, receipt, key.tags, _caps_of(ledger, key.tags), trouble)
        finally:
            revoke_key(ledger, key.key_id)


def _key_cap(limit: RunLimit | None) -> KeyCap | None:
    """The cap on all calls of a run's key: it goes when the key does."""
    return None if limit is None else KeyCap(limit.nano_usd, Window.TOTAL, limit.action, time_zone="UTC")


def _remove_caps_of_past_runs(ledger: Ledger) -> None:
    """A run that was killed could not remove its cap; once its key has ended the cap stops nothing and only stands in
    the list."""
    now = datetime.now(UTC)
    live = {key.key_id for key in list_keys(ledger) if key.expires_at is None or key.expires_at > now}
    for cap in list_caps(ledger):
        if cap.scope is Scope.VIRTUAL_KEY and cap.scope_key not in live:
            remove_cap(ledger, cap.cap_id)


def _caps_of(ledger: Ledger, tags: Tags) -> tuple[CapStatus, ...]:
    with ledger.read() as connection:
        return tuple(budget_of(connection, Payer(tags, provider="", model=""), datetime.now(UTC)))


@contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    yield subprocess.Popen(command, env=environment)


def _wait_for(started: AbstractContextManager[subprocess.Popen[bytes] | SandboxedAgent], command: Sequence[str]) -> int:
    """The agent's exit status as a shell tells it. Raises CommandMissing."""
    try:
        with started as agent, _signals_passed_to(agent):
            status = agent.wait()
    except FileNotFoundError:
        raise CommandMissing("No such command", f"“{command[0]}” is not on the PATH.", NOT_FOUND) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CommandMissing("The command cannot be started", f"“{command[0]}”: {reason}.", NOT_EXECUTABLE) from None
    return status if status >= 0 else SIGNAL_BASE - status


@contextmanager
def _signals_passed_to(agent: subprocess.Popen[bytes] | SandboxedAgent) -> Iterator[None]:
    """Outlive the agent whatever is sent, and hand it on.

    At a terminal Ctrl-C reaches the agent by itself, and a second one from here would mean something else to it.
    """

    def hand_on(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            agent.send_signal(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32":
        numbers += [signal.SIGHUP, signal.SIGQUIT]
    former = {number: signal.signal(number, hand_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
