import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import paths
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger
from app.ledger.key_store import list_keys
from app.ledger.meter_state import running_meter
from app.services.demo.provider import ScriptedProvider, read_script
from app.services.kept_meter import KeptMeter
from app.services.settings import Settings
from tests.cli.conftest import Bursar

PROVIDER_KEY = "sk-test-provider-key"

AGENT = """
import http.client, json, os, sys
from urllib.parse import urlsplit
assert "sk-" not in " ".join(os.environ.values())
base = urlsplit(os.environ["ANTHROPIC_BASE_URL"])
connection = http.client.HTTPConnection(base.netloc)
body = {"model": "claude-opus-4-8", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json"}
connection.request("POST", base.path + "/v1/messages", json.dumps(body), headers)
sys.exit(7 if connection.getresponse().status == 200 else 1)
"""

HEALTH = """
import http.client, os, sys
from urllib.parse import urlsplit
connection = http.client.HTTPConnection(urlsplit(os.environ["OPENAI_BASE_URL"]).netloc)
connection.request("GET", "/bursar/health")
sys.exit(0 if connection.getresponse().status == 200 else 1)
"""


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    serving = ScriptedProvider(
        read_script(paths.resources_folder() / "demo" / "provider.json"), PROVIDER_KEY, delay_s=0.0
    )
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def meter(ledger: Ledger, provider: ScriptedProvider) -> Iterator[KeptMeter]:
    """A running meter on the test's ledger, in front of the scripted provider."""
    settings = Settings(gateway_port=0, forward_port=0, upstreams={"anthropic": provider.url})
    running = KeptMeter(settings, ledger.path, {"anthropic": PROVIDER_KEY})
    yield running
    running.stop()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
def test_a_run_charges_its_labels_prints_a_receipt_and_gives_the_agents_status(
    bursar: Bursar, ledger: Ledger, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-persons-own")
    ran = bursar(
        "run", "--project", "billing-api", "--agent", "tester", "--task", "say hi", "--", sys.executable, "-c", AGENT
    )
    assert ran.status == 7
    assert "bursar: 1 call, " in ran.err
    assert "(tester in billing-api)" in ran.err
    [call] = recent_calls(ledger)
    assert (call.tags.project, call.tags.agent, call.tags.task) == ("billing-api", "tester", "say hi")
    assert call.cost_nano_usd == provider.bill_nano_usd > 0
    assert list_keys(ledger) == []


@pytest.mark.end2end
def test_without_a_meter_a_run_has_one_of_its_own_and_ends_it(bursar: Bursar, ledger: Ledger) -> None:
    ran = bursar("run", "--", sys.executable, "-c", HEALTH)
    assert ran.status == 0
    assert "bursar: 0 calls" in ran.err
    assert running_meter(ledger) is None


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
class TestCommandsThatDoNotRun:
    def test_a_missing_command_has_status_127(self, bursar: Bursar, ledger: Ledger) -> None:
        ran = bursar("run", "--", "no-such-agent-anywhere")
        assert (ran.status, ran.err.splitlines()[0]) == (127, "No such command")
        assert list_keys(ledger) == []

    def test_one_that_is_not_a_program_has_status_126(self, bursar: Bursar, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a program")
        ran = bursar("run", "--", str(tmp_path / "notes.txt"))
        assert (ran.status, ran.err.splitlines()[0]) == (126, "The command cannot be started")

    def test_an_agent_killed_by_a_signal_has_the_shells_status(self, bursar: Bursar) -> None:
        assert bursar("run", "--", "sh", "-c", "kill -9 $$").status == 137


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_agent_and_the_receipt_is_still_printed(tmp_path: Path, number: int) -> None:
    ready = tmp_path / "ready"
    code = f"""
import pathlib, signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(42))
pathlib.Path({str(ready)!r}).touch()
time.sleep(60)
"""
    running = _start("run", "--", sys.executable, "-c", code)
    _wait_for(ready.exists)
    os.kill(running.pid, number)
    _, told = running.communicate(timeout=30)
    assert running.returncode == 42
    assert "bursar: 0 calls" in told


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
def test_the_project_is_the_repositorys_and_the_agent_the_programs_name(
    bursar: Bursar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my-repo" / ".git").mkdir(parents=True)
    (tmp_path / "my-repo" / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "my-repo" / "deep")
    assert "(sh in my-repo)" in bursar("run", "--", "sh", "-c", "exit 0").err


@pytest.mark.end2end
def test_the_agents_own_options_are_left_to_it(bursar: Bursar, tmp_path: Path) -> None:
    told = tmp_path / "told"
    bursar("run", "--project", "p", "sh", "-c", f'echo "$@" > {told}', "agent", "--project", "q", "--help")
    assert told.read_text() == "--project q --help\n"
