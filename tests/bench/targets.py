"""What is compared: the provider itself, bare `mitmdump -q` in front of it, and Bursar's meter in front of it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger
from tests.bench.load import Target
from tests.bench.rungs import RUNGS, becoming
from tests.end2end.meter_process import meter

PATH = "/v1/messages"
LANES: dict[str, tuple[tuple[str, ...], str]] = {"Bursar": ((), "fast"), "Bursar, by hooks": ((), "hooks")}
"""Its name, what is put before the meter's command, and its lane."""
_RUNGS = {name: (becoming(rung), "fast") for rung, name in RUNGS.items()} | {"Bursar": LANES["Bursar"]}


@contextmanager
def running_targets(home: Path, *, is_floor: bool = False) -> Iterator[tuple[tuple[Target, ...], Ledger]]:
    """Start them all; direct first, then bare mitmproxy, then Bursar by either lane, or `is_floor`, rung by rung. The
    ledger is the last one's; it has caps that every call is held against."""
    with ExitStack() as stack:
        provider = _started(stack, [sys.executable, "-m", "tests.bench.scripted"])
        assert provider.stdout is not None
        port = int(provider.stdout.readline())
        direct = Target("direct", port, PATH, pid=provider.pid)
        bare = stack.enter_context(_bare_mitmproxy(home, port))
        meters = list[Target]()
        for name, (before, lane) in (_RUNGS if is_floor else LANES).items():
            (own := home / str(len(meters))).mkdir(mode=0o700)
            upstreams = {"anthropic": f"http://127.0.0.1:{port}"}
            running = stack.enter_context(meter(own, upstreams, before=before, extra=("--lane", lane)))
            _set_caps(running.ledger)
            gateway = int(running.gateway.rpartition(":")[2])
            meters.append(Target(name, gateway, f"/anthropic{PATH}", running.token, running.process.pid))
        yield (direct, bare, *meters), running.ledger


@contextmanager
def _bare_mitmproxy(home: Path, provider_port: int) -> Iterator[Target]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mitmdump = Path(sys.executable).with_name("mitmdump")
    command = [str(mitmdump), "-q", "--set", f"confdir={home / 'bare'}", "--listen-host", "127.0.0.1"]
    command += ["--listen-port", str(port), "--mode", f"reverse:http://127.0.0.1:{provider_port}"]
    with ExitStack() as stack:
        process = _started(stack, command)
        deadline = time.monotonic() + 30
        while not _answers(port):
            assert time.monotonic() < deadline, "mitmdump did not start"
            time.sleep(0.05)
        yield Target("mitmdump -q", port, PATH, pid=process.pid)


def _started(stack: ExitStack, command: list[str]) -> subprocess.Popen[bytes]:
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
    stack.callback(process.kill)
    return process


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def furnish(ledger: Ledger) -> str:
    """Caps that every call is held against, and a key; returns its token."""
    _set_caps(ledger)
    return issue_key(ledger, name="bench", tags=Tags(project="billing-api", agent="test", user="me"))[1]


def _set_caps(ledger: Ledger) -> None:
    for scope, key in ((Scope.EVERYTHING, ""), (Scope.PROJECT, "billing-api")):
        add_cap(
            ledger, scope=scope, scope_key=key, window=Window.MONTH,
            limit_nano_usd=1_000_000 * NANO_PER_USD, action=Action.PAUSE, time_zone="UTC",
        )  # fmt: skip
