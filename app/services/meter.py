"""The meter's process: how it is started, and a running one in the hands of a headless command.

What is started is its keeper, which starts the meter and holds its sockets (`app.services.keeper`); on Windows, the
meter itself. The tray starts it detached and uses only `start_command`; `bursar proxy` and the demo hold theirs as a
child through `start_meter`, and closing its standard input stops it. The one that `bursar run` starts outlives it as
long as other runs need it, and sees by itself when none is left.
"""

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from app.core.errors import MeterError
from app.core.money import parse_usd
from app.services import keeper
from app.services.own_command import METER, part_command
from app.services.settings import Settings

START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0
"""Longer than the meter itself waits for running calls."""
_LOG = logging.getLogger(__name__)


def meter_command(
    settings: Settings,
    ledger_path: Path,
    *,
    keys_from_stdin: bool = False,
    stop_with_stdin: bool = False,
    stop_without_runs: bool = False,
) -> list[str]:
    """The argument list that starts the meter on this ledger."""
    command = [*part_command(METER), "--ledger", str(ledger_path)]
    command += ["--gateway-port", str(settings.gateway_port), "--forward-port", str(settings.forward_port)]
    for provider, url in settings.upstreams.items():
        command += ["--upstream", f"{provider}={url}"]
    for place in settings.private_destinations:
        command += ["--private-destination", place]
    command += ["--backups-kept", str(settings.backups_kept), "--retention-days", str(settings.retention_days)]
    command += ["--lane", settings.lane]
    if settings.listen:
        command += ["--listen", settings.listen]
        command += [word for name in settings.listen_names for word in ("--listen-name", name)]
        command += ["--listen-anywhere"] if settings.listen_anywhere else []
    command += _team_words(settings)
    if keys_from_stdin:
        command.append("--keys-from-stdin")
    if stop_with_stdin:
        command.append("--stop-with-stdin")
    if stop_without_runs:
        command.append("--stop-without-runs")
    return command


def _team_words(settings: Settings) -> list[str]:
    """What the meter is told of the team. It finds the password in the keyring itself."""
    if not settings.team_url:
        return []
    words = ["--team-url", settings.team_url, "--team-name", settings.team_name]
    words += ["--team-lease", str(parse_usd(settings.team_lease))] if settings.team_lease else []
    return words + (["--team-certificate", settings.team_certificate] if settings.team_certificate else [])


def start_command(
    settings: Settings,
    ledger_path: Path,
    *,
    keys_from_stdin: bool = False,
    stop_with_stdin: bool = False,
    stop_without_runs: bool = False,
) -> list[str]:
    """The argument list that starts a meter and sees to it: its keeper's, or its own where there is none."""
    handed = keys_from_stdin and not keeper.IS_USED
    command = meter_command(
        settings,
        ledger_path,
        keys_from_stdin=handed,
        stop_with_stdin=stop_with_stdin,
        stop_without_runs=stop_without_runs,
    )
    if not keeper.IS_USED:
        return command
    return keeper.keeper_command(
        command,
        settings,
        ledger_path,
        keys_from_stdin=keys_from_stdin,
        stop_with_stdin=stop_with_stdin,
        for_runs=stop_without_runs,
    )


def renewed_command(kept: keeper.Keeper, settings: Settings, ledger_path: Path) -> list[str]:
    """The argument list for the next meter of a keeper: what the settings say now, on the sockets that it has. Empty
    for one that belongs to a command: what was said on its line stands."""
    if "--stop-with-stdin" in kept.flags:
        return []
    is_usual = kept.gateway_port == settings.gateway_port
    here = replace(settings, gateway_port=kept.gateway_port, forward_port=kept.forward_port)
    return meter_command(
        here if is_usual else replace(here, listen=""), ledger_path, stop_without_runs="--for-runs" in kept.flags
    )


def renew_older(settings: Settings, ledger_path: Path) -> int:
    """Have meters that an earlier version started replaced by this one's, which loses no call. Returns how many."""
    older = [kept for kept in keeper.keepers_of(ledger_path) if kept.version != keeper.own_version()]
    for kept in older:
        with contextlib.suppress(MeterError):  # it ended meanwhile
            keeper.renew_meter(kept, renewed_command(kept, settings, ledger_path))
    return len(older)


@dataclass(frozen=True, slots=True)
class StartedMeter:
    """A meter that is ready and belongs to this process. `process` is its keeper's, where it has one."""

    process: subprocess.Popen[bytes]
    gateway_url: str
    forward_url: str

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Exit status once it has ended; None when it still runs after `timeout_s`."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Let it finish what runs and end it; after twenty seconds it is killed. Nothing happens when it has ended."""
        if self.process.stdin is not None:
            _close(self.process.stdin)
        if self.wait(STOP_LIMIT_S) is None:
            _LOG.warning("the meter (pid %d) did not stop in %.0f s and is killed", self.process.pid, STOP_LIMIT_S)
            _kill(self.process)
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_meter(
    settings: Settings,
    ledger_path: Path,
    *,
    keys: Mapping[str, str] | None = None,
    is_for_runs: bool = False,
    time_limit_s: float = START_LIMIT_S,
) -> StartedMeter:
    """Start a meter and wait until it is ready. It stops when this process does; `is_for_runs`, with the last run.

    `keys` maps providers to their keys and is handed over on standard input, never in the arguments; None leaves the
    meter to the system keyring. Raises MeterError with the meter's own reason, or when it is not ready in time.
    """
    command = start_command(
        settings,
        ledger_path,
        keys_from_stdin=keys is not None,
        stop_with_stdin=not is_for_runs,
        stop_without_runs=is_for_runs,
    )
    process = _spawn(command, subprocess.DEVNULL if is_for_runs else subprocess.PIPE)
    try:
        if keys is not None:
            _hand_over(process, keys)
        return _started(process, _first_line(process, time_limit_s))
    except BaseException:
        _end(process)
        raise


def _spawn(command: list[str], stdin: int) -> subprocess.Popen[bytes]:
    """The child in a session of its own: a Ctrl-C in the terminal is for the agent, and the meter outlives it."""
    try:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise MeterError("The meter cannot be started", f"{error.strerror or error}. Install Bursar anew.") from None


def _hand_over(process: subprocess.Popen[bytes], keys: Mapping[str, str]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already; its own last words say why
        process.stdin.write(json.dumps(dict(keys)).encode() + b"\n")
        process.stdin.flush()


def _first_line(process: subprocess.Popen[bytes], time_limit_s: float) -> bytes:
    """What the meter says first; empty when it ended without a word. Raises MeterError after the time limit."""
    assert process.stdout is not None
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stdout = process.stdout
    threading.Thread(target=lambda: lines.put(stdout.readline()), name="meter-ready", daemon=True).start()
    try:
        return lines.get(timeout=time_limit_s)
    except queue.Empty:
        raise MeterError(
            "The meter does not start", f"It was not ready after {time_limit_s:.0f} s. Its log tells more."
        ) from None


def _started(process: subprocess.Popen[bytes], line: bytes) -> StartedMeter:
    try:
        event = json.loads(line)
        kind = event["event"]
        if kind == "ready":
            return StartedMeter(process, str(event["gateway"]), str(event["forward"]))
        if kind == "failed":
            raise MeterError(str(event["title"]), str(event["message"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise MeterError("The meter does not start", "It ended before it was ready. Its log tells more.")


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            _close(stream)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """And with a keeper its meter: they are a group of their own."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _close(stream: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # what was still to be written has no reader any more
        stream.close()
