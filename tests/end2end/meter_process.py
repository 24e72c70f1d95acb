"""A real meter process on a real ledger, for one test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.core.call import Call
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger

KEYS = {"anthropic": "sk-ant-real", "openai": "sk-real", "google": "AIza-real"}
PATIENCE_S = 20.0
LANE = "BURSAR_TEST_LANE"
"""An environment variable that chooses the lane of every meter that these tests start."""

NewCalls = Callable[[int], list[Call]]
"""Gives the calls that a test has made so far, oldest first, once there are that many."""


@dataclass
class RunningMeter:
    """A meter that is ready, with the ledger it writes and a virtual key that it accepts."""

    process: subprocess.Popen[bytes]
    gateway: str
    forward: str
    ledger: Ledger
    token: str
    home: Path

    def count(self) -> int:
        """How many calls have ended so far."""
        return len(recent_calls(self.ledger, 1000))

    def calls_since(self, start: datetime, count: int) -> list[Call]:
        """The calls that began at `start` or later, oldest first, once there are that many. For tests that share a
        meter: an earlier test's call may end during this one."""

        def began() -> list[Call]:
            return [call for call in recent_calls(self.ledger, 1000) if call.started_at >= start]

        wait_until(lambda: len(began()) >= count, f"{count} calls in the ledger")
        return began()[::-1]

    def calls(self, count: int) -> list[Call]:
        """The newest `count` calls, oldest first, once there are that many."""
        wait_until(lambda: self.count() >= count, f"{count} calls in the ledger")
        return recent_calls(self.ledger, count)[::-1]


@contextmanager
def meter(
    home: Path,
    upstreams: Mapping[str, str],
    *,
    keys: Mapping[str, str] | None = KEYS,
    tags: Tags | None = None,
    extra: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
    is_doomed: bool = False,
) -> Iterator[RunningMeter]:
    """Start a meter and stop it in the end, seeing to it that it ends cleanly, unless it `is_doomed`. Without `keys` it
    asks the keyring; `before` is what becomes it."""
    ledger = open_ledger(home / "ledger.sqlite")
    _key, token = issue_key(ledger, name="test", tags=tags or Tags(project="billing-api", agent="test", user="me"))
    process = start_process(home, upstreams, keys, extra, before)
    try:
        event = read_event(process)
        assert event["event"] == "ready", event
        yield RunningMeter(process, str(event["gateway"]), str(event["forward"]), ledger, token, home)
        stop_process(process)
        assert is_doomed or process.returncode == 0
    finally:
        process.kill()
        process.wait()
        ledger.close()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def start_process(
    home: Path,
    upstreams: Mapping[str, str],
    keys: Mapping[str, str] | None = KEYS,
    extra: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """A meter process that was just started. Without `keys` it asks the keyring."""
    command = [*before, sys.executable, "-m", "proxy_addon", "--ledger", str(home / "ledger.sqlite")]
    command += ["--gateway-port", "0", "--forward-port", "0", "--stop-with-stdin", *extra]
    if LANE in os.environ:
        command += ["--lane", os.environ[LANE]]
    if keys is not None:
        command.append("--keys-from-stdin")
    for provider, url in upstreams.items():
        command += ["--upstream", f"{provider}={url}"]
    environment = {**os.environ, "BURSAR_HOME": str(home)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    if keys is not None:
        process.stdin.write(json.dumps(dict(keys)).encode() + b"\n")
        process.stdin.flush()
    return process


def read_event(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """The line that a meter says about its start."""
    assert process.stdout is not None
    event: dict[str, object] = json.loads(process.stdout.readline() or b'{"event": "silent"}')
    return event


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Close the meter's standard input and wait for its end."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(PATIENCE_S)


def writer_of(meter_pid: int) -> int:
    """The process that writes the ledger for a meter."""
    (child,) = Path(f"/proc/{meter_pid}/task/{meter_pid}/children").read_text().split()
    return int(child)


def kill_both(process: subprocess.Popen[bytes]) -> None:
    """Kill a meter, and before it the process that writes its ledger: as if the machine had."""
    os.kill(writer_of(process.pid), signal.SIGKILL)
    process.kill()
    process.wait()


def wait_until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds. Fails the test when it does not within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.02)
