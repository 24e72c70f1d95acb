"""A meter's day in fast motion: many calls of all kinds, faults among them, with what the provider bills for each."""

import contextlib
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from sqlalchemy import select

from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.reservations import ReservationState
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger
from app.ledger.soundness import Soundness, full_check
from app.ledger.tables import calls, reservations
from app.ledger.verification import verify_ledger
from tests.bench.figures import processes
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.faults.wire import bare_client
from tests.faults.wire.bare_client import ask, connect, request
from tests.faults.wire.cells import GOOD, kept, sized
from tests.faults.wire.misbehaving import PATIENCE_S, PLAY_HEADER, MisbehavingProvider
from tests.soak.trade import BAD_ORDERS, GOOD_ORDERS, ORDERS, Order

SESSIONS = 40
SESSION_LIMIT = 20_000 * 40_000
"""What a session may spend, in nano-dollars: some come to it before the end of a long day."""
BAD_OF_TEN = 2
SLOWEST_S = 1.0
"""A play that took longer than this is not chosen again: a day would not end."""
SAMPLES = 40


@dataclass
class Result:
    """What came of it. `resident` are bytes of memory and `open_files` descriptors of the meter over the day, evenly
    spread. Amounts in nano-dollars: `known_*` of calls whose cost the provider told, `uncertain_*` of the others."""

    calls: int
    refused: int = 0
    seconds: float = 0.0
    days: float = 0.0
    known: int = 0
    known_billed: int = 0
    known_charged: int = 0
    uncertain: int = 0
    uncertain_billed: int = 0
    uncertain_charged: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    resident: list[int] = field(default_factory=list)
    open_files: list[int] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def growth(self) -> int:
        """Bytes of memory from the day's second quarter to its last."""
        return _growth(self.resident)

    def more_files(self) -> int:
        """Descriptors more in its last quarter than in its second."""
        return _growth(self.open_files)


def _growth(samples: list[int]) -> int:
    quarter = max(1, len(samples) // 4)
    return int(median(samples[-quarter:]) - median(samples[quarter : 2 * quarter]))


def soak(count: int, *, clients: int = 12, faster: float = 1.0, seed: int = 1) -> Result:
    """So many calls by so many clients; the meter's clock runs `faster` where a C compiler is there."""
    result, began = Result(count), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, _provider() as provider, pytest.MonkeyPatch.context() as patch:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        patch.setenv("BURSAR_HOME", str(home))
        patch.setattr(bare_client, "PATIENCE_S", 2 * PATIENCE_S)  # a busy machine is slow, which is not what is tried
        upstreams = dict.fromkeys(("openai", "anthropic", "google"), provider.url)
        with meter(home, upstreams, before=_fast(Path(folder), faster)) as running:
            result.days = faster
            _set_caps(running.ledger)
            day = _Day(running, provider, result, random.Random(seed))
            with ThreadPoolExecutor(clients) as pool:
                for start in range(0, count, max(1, count // SAMPLES)):
                    part = range(start, min(count, start + max(1, count // SAMPLES)))
                    list(pool.map(day.call, part))
                    day.look()
            wait_until(lambda: not _held(running.ledger), "the last call to be settled", 60)
            _judge(result, day.asked, running.ledger)
        result.seconds = time.monotonic() - began
        result.days = faster * result.seconds / 86_400
        if full_check(home / "ledger.sqlite") is not Soundness.SOUND:
            result.bad.append("the ledger's file is damaged")
    return result


class _Day:
    """The calls of a day. `asked` are the orders by the name of each call."""

    def __init__(
        self, running: RunningMeter, provider: MisbehavingProvider, result: Result, dice: random.Random
    ) -> None:
        self.asked: dict[str, tuple[Order, int]] = {}
        self._running, self._provider, self._result, self._dice = running, provider, result, dice
        self._bad = list(BAD_ORDERS)

    def call(self, number: int) -> None:
        """One call, good or bad."""
        chosen = self._bad if self._dice.randrange(10) < BAD_OF_TEN else GOOD_ORDERS
        order, name, began = self._dice.choice(chosen), f"call-{number}", time.monotonic()
        fields = {PLAY_HEADER: order.name, "x-bursar-task": name, "x-bursar-session": f"session-{number % SESSIONS}"}
        raw = request(self._running.gateway, self._running.token, order.path, order.body, fields)
        status = self._leave(raw) if order.leaves else ask(self._running.gateway, raw).status
        self.asked[name] = (order, status)
        if time.monotonic() - began > SLOWEST_S and order in self._bad and len(self._bad) > len(BAD_ORDERS) // 2:
            with contextlib.suppress(ValueError):
                self._bad.remove(order)

    def look(self) -> None:
        """How the meter is."""
        self._provider.asked.clear()
        pids = processes(self._running.process.pid)
        self._result.resident.append(sum(_resident(pid) for pid in pids))
        self._result.open_files.append(sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids))

    def _leave(self, raw: bytes) -> int:
        with connect(self._running.gateway) as connection:
            connection.sendall(raw)
            return int((connection.recv(12) or b"HTTP/1.1 000").split()[1])


@contextlib.contextmanager
def _provider() -> Iterator[MisbehavingProvider]:
    plays = {order.name: order.play for order in ORDERS.values()}
    with MisbehavingProvider(kept(sized(GOOD)), plays).running() as provider:
        yield provider


def _fast(folder: Path, faster: float) -> tuple[str, ...]:
    """What the meter is started with so that its clocks run faster; nothing where they cannot."""
    compiler = shutil.which("cc")
    if faster == 1.0 or compiler is None:
        return ()
    library = folder / "fast_day.so"
    source = Path(__file__).with_name("fast_day.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return ("env", f"LD_PRELOAD={library}", f"FAST_DAY={faster}")


def _set_caps(ledger: Ledger) -> None:
    for window, limit in ((Window.TOTAL, 10**6 * NANO_PER_USD), (Window.DAY, 10**6 * NANO_PER_USD),
                          (Window.SESSION, SESSION_LIMIT)):  # fmt: skip
        add_cap(ledger, scope=Scope.EVERYTHING, scope_key="", window=window, limit_nano_usd=limit,
                action=Action.BLOCK, time_zone="Europe/Berlin")  # fmt: skip


def _held(ledger: Ledger) -> int:
    with ledger.read() as connection:
        state = reservations.c.state == ReservationState.HELD
        return len(connection.execute(select(reservations.c.call_id).where(state)).all())


def _judge(result: Result, asked: dict[str, tuple[Order, int]], ledger: Ledger) -> None:
    """Each call in the ledger against the provider's bill for it."""
    result.bad += [str(one) for one in verify_ledger(ledger).differences]
    with ledger.read() as connection:
        rows: dict[str, Any] = {row.task: row for row in connection.execute(select(calls))}
    for name, (order, _status) in asked.items():
        row = rows.get(name)
        if row is None:
            result.bad.append(f"{name} ({order.name}) is not in the ledger")
        elif row.outcome == "refused":
            result.refused += 1
        else:
            _compare(result, row, order)


def _compare(result: Result, row: Any, order: Order) -> None:
    result.kinds[order.name] += 1
    if order.is_known:
        result.known, result.known_billed = result.known + 1, result.known_billed + order.bill
        result.known_charged += row.charged_nano_usd
        is_right = row.charged_nano_usd == order.bill
    else:
        result.uncertain, result.uncertain_billed = result.uncertain + 1, result.uncertain_billed + order.bill
        result.uncertain_charged += row.charged_nano_usd
        is_right = row.charged_nano_usd >= order.bill
    if not is_right:
        result.bad.append(f"{row.task} ({order.name}) was billed {order.bill} and charged {row.charged_nano_usd}")


def _resident(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    status = dict(line.partition(":")[::2] for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return int(status["VmRSS"].split()[0]) * 1024
