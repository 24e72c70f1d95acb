"""Providers that are not reached, or not believed: told in JSON, nothing sent, nothing charged."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.call import Outcome
from tests.end2end.certificates import self_signed
from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import meter
from tests.faults.cells import cell
from tests.faults.wire.authority import DAY, Authority
from tests.faults.wire.cells import GOOD, STREAM, begun, kept, said, sized
from tests.faults.wire.conftest import ASKED_STREAM, LANES, Wire, own_home
from tests.faults.wire.misbehaving import Line, MisbehavingProvider

pytestmark = pytest.mark.end2end
WHEN = "while it is reached for"

KEY = "sk-NEVER-TO-A-STRANGER-0123456789"
OLD = timedelta(days=-30)


@pytest.fixture(scope="module")
def wire(module_home: Path, lane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:  # noqa: F811
    """A meter that believes a played authority, and a provider in each way of not being reached."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    alone = Authority(tmp_path_factory.mktemp("alone"))
    certificate, key = self_signed(folder, "localhost")
    own = authority.context("localhost")
    own.load_cert_chain(certificate, key)
    contexts = {
        "x-ai": authority.context("localhost", OLD, -DAY),
        "fireworks": authority.context("localhost", DAY, 2 * DAY),
        "deepseek": authority.context("other.example"),
        "moonshotai": own,
        "perplexity": alone.context("localhost"),
    }
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in authority.believed().items():
            patch.setenv(name, value)
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        good = MisbehavingProvider(kept(sized(GOOD)), tls=authority.context("localhost"))
        providers = {name: MisbehavingProvider(kept(sized(GOOD)), tls=context) for name, context in contexts.items()}
        plain = stack.enter_context(
            MisbehavingProvider(kept(), greeting=sized(b"", start=b"HTTP/1.1 400 No")).running()
        )
        upstreams = {name: stack.enter_context(one.running()).url for name, one in providers.items()}
        upstreams |= {"openai": stack.enter_context(good.running()).url, "mistral": "https://nothing.invalid"}
        upstreams |= {"groq": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        upstreams |= {"together": f"https://localhost:{plain.port}"}
        keys = dict.fromkeys(upstreams, KEY)
        with meter(own_home(module_home, lane), upstreams, keys=keys, extra=LANES[lane]) as running:
            yield Wire(running, good)


_UNREACHED = "502 in JSON, nothing sent; costs nothing"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/groq/openai/v1", marks=cell("F18", "nobody listens", WHEN, _UNREACHED)),
        pytest.param("/mistral/v1", marks=cell("F18", "no such name", WHEN, _UNREACHED)),
        pytest.param("/xai/v1", marks=cell("F18", "certificate out of date", WHEN, _UNREACHED)),
        pytest.param("/fireworks/inference/v1",
                     marks=cell("F18", "certificate not valid yet", WHEN, _UNREACHED)),
        pytest.param("/deepseek", marks=cell("F18", "certificate for another host", WHEN, _UNREACHED)),
        pytest.param("/moonshot/v1", marks=cell("F18", "certificate of its own", WHEN, _UNREACHED)),
        pytest.param("/perplexity", marks=cell("F18", "certificate of a strange authority", WHEN,
                                               _UNREACHED)),
        pytest.param("/together/v1", marks=cell("F18", "no TLS spoken", WHEN, _UNREACHED)),
    ],
)  # fmt: skip
def test_a_provider_that_is_not_reached(wire: Wire, path: str) -> None:
    start = datetime.now(UTC)
    answer = wire.ask(wire.raw(path=f"{path}/chat/completions"))
    call = wire.call_since(start)
    assert answer.status == 502
    assert "could not reach the provider" in json.loads(answer.body)["error"]["message"]
    assert KEY.encode() not in answer.body
    assert (call.outcome, call.cost_nano_usd, call.error_type) == (Outcome.FAILED, 0, "provider_unreachable")
    assert wire.ask(wire.raw()).body == GOOD, "others are reached"


@cell("F20", "HTTP/2 offered", "in TLS", "not taken up; passed on to the byte")
def test_a_provider_that_offers_http_2_is_spoken_to_in_http_1(wire: Wire) -> None:
    answer = wire.ask(wire.raw())
    assert (answer.status, answer.body) == (200, GOOD)
    assert wire.provider.asked[-1].start.endswith("HTTP/1.1")


@cell("F20", "cut without a word of TLS", "in a stream in TLS", "passed on to the byte, and seen to be broken")
def test_a_stream_in_tls_that_is_cut_is_seen_to_be_cut(wire: Wire) -> None:
    start = datetime.now(UTC)
    wire.provider.plays["cut"] = said(begun(STREAM[:200]))
    answer = wire.ask(wire.raw(ASKED_STREAM, x_play="cut"))
    call = wire.call_since(start)
    assert (answer.status, answer.body, answer.is_whole) == (200, STREAM[:200], False)
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "provider_broke_off")


@cell("F20", "reset", "in a stream in TLS", "passed on to the byte, and seen to be broken")
def test_a_stream_in_tls_that_is_reset_is_seen_to_be_broken(wire: Wire) -> None:
    def play(line: Line) -> None:
        line.say(begun(STREAM[:200]))
        line.reset()

    wire.provider.plays["reset"] = play
    answer = wire.ask(wire.raw(ASKED_STREAM, x_play="reset"))
    assert (answer.status, answer.body, answer.is_whole) == (200, STREAM[:200], False)
