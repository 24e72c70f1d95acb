"""One meter and one misbehaving provider for all cells of a file: what one cell breaks, the next would notice."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core import lanes
from app.core.call import Call
from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.cap_store import add_cap, cap_statuses
from app.ledger.engine import Ledger
from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.faults.wire.bare_client import Answer, ask, request
from tests.faults.wire.cells import GOOD, TRUTH, kept, sized
from tests.faults.wire.misbehaving import MisbehavingProvider

LANES = {lane: ("--lane", lane) for lane in lanes.LANES}
"""The ways through the meter, and the arguments that choose one. Every test here is run over each: over the one that is
not the default with `-m slow`."""

CHAT = "/openai/v1/chat/completions"
LIMIT = 100_000 * NANO_PER_USD
ASKED = b'{"model":"gpt-5-mini","max_completion_tokens":100,"messages":[{"role":"user","content":"five words"}]}'
ASKED_STREAM = ASKED[:-1] + b',"stream":true,"stream_options":{"include_usage":true}}'


@dataclass(frozen=True, slots=True)
class Money:
    """What the cap over everything has, in nano-dollars."""

    posted: int
    held: int


@dataclass
class Wire:
    """A meter between a test and a provider that misbehaves."""

    running: RunningMeter
    provider: MisbehavingProvider
    is_warm: bool = False

    @property
    def ledger(self) -> Ledger:
        """The meter's."""
        return self.running.ledger

    @property
    def host(self) -> str:
        """What a request to the meter names as its host."""
        return urlsplit(self.running.gateway).netloc

    def raw(self, body: bytes = ASKED, path: str = CHAT, **fields: str) -> bytes:
        """A request as it goes over the wire."""
        told = {name.replace("_", "-"): value for name, value in fields.items()}
        return request(self.running.gateway, self.running.token, path, body, told)

    def ask(self, raw: bytes) -> Answer:
        """Send bytes and read what comes back."""
        return ask(self.running.gateway, raw)

    def money(self) -> Money:
        """What the cap has now."""
        (status,) = cap_statuses(self.ledger, datetime.now(UTC))
        return Money(status.spent_nano_usd, status.held_nano_usd)

    def call_since(self, start: datetime) -> Call:
        """The one call that began since then, once it has ended."""
        (call,) = self.running.calls_since(start, 1)
        return call

    def goes_on(self) -> None:
        """Others' calls go through, exactly metered, and nothing stays held."""
        wait_until(lambda: self.money().held == 0, "nothing to be held")
        before = self.money().posted
        answer = self.ask(self.raw())
        assert (answer.status, answer.body, answer.is_whole) == (200, GOOD, True)
        wait_until(lambda: self.money().posted == before + TRUTH, "the good call to be charged, and nothing else")
        assert self.running.process.poll() is None

    def goes_on_for(self, seconds: float) -> None:
        """Others' calls go through for that long, beside one that is still held."""
        end, held = time.monotonic() + seconds, self.money().held
        while time.monotonic() < end:
            assert self.ask(self.raw()).body == GOOD
        wait_until(lambda: self.money().held == held, "the good calls to be settled")

    def resident(self) -> int:
        """Bytes of memory that the meter holds."""
        return self._status("VmRSS")

    def most_resident(self) -> int:
        """Bytes of memory that it held at most, ever."""
        return self._status("VmHWM")

    def _status(self, key: str) -> int:
        lines = Path(f"/proc/{self.running.process.pid}/status").read_text("ascii").splitlines()
        (line,) = (line for line in lines if line.startswith(f"{key}:"))
        return int(line.split()[1]) * 1024


def _param(lane: str) -> object:
    return pytest.param(lane, marks=() if lane == lanes.USUAL_LANE else pytest.mark.slow)


@pytest.fixture(scope="module", params=[_param(lane) for lane in LANES])
def lane(request: pytest.FixtureRequest) -> str:
    """The way through the meter."""
    return str(request.param)


@pytest.fixture(scope="module")
def misbehaving() -> Iterator[MisbehavingProvider]:
    """A provider that answers well when nothing else is asked of it."""
    with MisbehavingProvider(kept(sized(GOOD))).running() as started:
        yield started


@pytest.fixture(scope="module")
def wire(module_home: Path, misbehaving: MisbehavingProvider, lane: str) -> Iterator[Wire]:  # noqa: F811
    """A meter before that provider, with one cap that calls must not pass."""
    with meter(own_home(module_home, lane), {"openai": misbehaving.url}, extra=LANES[lane]) as running:
        yield limited(Wire(running, misbehaving))


def own_home(home: Path, lane: str) -> Path:
    """The files of the meter of that lane."""
    own = home / lane
    own.mkdir(mode=0o700)
    return own


def limited(wire: Wire) -> Wire:
    """The same, with one cap that calls must not pass."""
    add_cap(
        wire.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL, limit_nano_usd=LIMIT,
        action=Action.BLOCK, time_zone="UTC",
    )  # fmt: skip
    return wire
