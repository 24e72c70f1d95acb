import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app import paths
from app.core.money import format_exact_usd
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.call_store import recent_calls
from app.ledger.cap_store import add_cap, list_caps
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
answer = connection.getresponse()
answer.read()  # who leaves before the end is not told what it cost
sys.exit(7 if answer.status == 200 else 1)
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
        assert (ran.status, ran.err.splitlines()[1]) == (127, "No such command")
        assert list_keys(ledger) == []

    def test_one_that_is_not_a_program_has_status_126(self, bursar: Bursar, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a program")
        ran = bursar("run", "--", str(tmp_path / "notes.txt"))
        assert (ran.status, ran.err.splitlines()[1]) == (126, "The command cannot be started")

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


FAKE_AGENT = """#!{python}
import json, os, pathlib, sys
pathlib.Path(os.environ["TOLD"]).write_text(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ)}}))
"""


@pytest.mark.end2end
def test_known_agents_are_given_what_they_read(
    bursar: Bursar, ledger: Ledger, meter: KeptMeter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/fix-retry")
    monkeypatch.chdir(tmp_path)

    def told_by(program: str) -> dict[str, Any]:
        (tmp_path / program).write_text(FAKE_AGENT.format(python=sys.executable))
        (tmp_path / program).chmod(0o755)
        assert bursar("run", "--quiet", "--", program, "do it").status == 0
        told: dict[str, Any] = json.loads((tmp_path / "told.json").read_text())
        return told

    codex = told_by("codex")
    assert codex["arguments"] == ["-c", f'openai_base_url="{meter.gateway_url}/openai/v1"', "do it"]
    opencode = json.loads(told_by("opencode")["environment"]["OPENCODE_CONFIG_CONTENT"])
    assert opencode["provider"]["anthropic"]["options"]["baseURL"] == f"{meter.gateway_url}/anthropic/v1"
    assert told_by("aider")["environment"]["OPENAI_API_BASE"] == f"{meter.gateway_url}/openai/v1"
    keys = {key.tags.agent: key.tags for key in list_keys(ledger, include_revoked=True)}
    assert {tags.task for tags in keys.values()} == {"fix-retry"}
    assert (keys["codex"].session, keys["aider"].session[:10]) == ("", "run aider ")


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
def test_what_cannot_be_metered_is_said_and_run_all_the_same(
    bursar: Bursar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cursor-agent").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "cursor-agent").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ran = bursar("run", "--quiet", "--", "cursor-agent")
    assert ran.status == 3
    assert ran.err == (
        "bursar: Cursor’s calls are made by Cursor’s own servers, so none of them can be metered or capped here.\n"
    )


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
def test_a_run_has_a_cap_of_its_own_and_its_receipt_is_a_file_too(
    bursar: Bursar, ledger: Ledger, provider: ScriptedProvider, tmp_path: Path
) -> None:
    add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.DAY, limit_nano_usd=10**10, time_zone="UTC"
    )
    file = tmp_path / "receipt.json"
    ran = bursar(
        *("run", "--project", "billing-api", "--cap", "2.50", "--json", str(file), "--", sys.executable, "-c", AGENT)
    )
    assert ran.status == 7
    assert " of $2.50 left of Key " in ran.err
    assert " of $10.00 left of billing-api, today" in ran.err
    told = json.loads(file.read_text())
    assert (told["calls"], told["exit_status"], told["project"]) == (1, 7, "billing-api")
    assert told["cost_usd"] == format_exact_usd(provider.bill_nano_usd)
    assert [cap["limit_usd"] for cap in told["caps"]] == ["2.50", "10.00"]
    assert [cap.scope for cap in list_caps(ledger)] == [Scope.PROJECT]


@pytest.mark.end2end
@pytest.mark.usefixtures("meter")
def test_a_run_is_stopped_at_its_own_cap_and_the_cap_of_one_that_was_killed_goes_with_its_key(
    bursar: Bursar, ledger: Ledger, provider: ScriptedProvider
) -> None:
    key, _ = issue_key(ledger, name="run x", tags=Tags(), expires_at=datetime.now(UTC))
    add_cap(
        ledger, scope=Scope.VIRTUAL_KEY, scope_key=key.key_id, window=Window.TOTAL, limit_nano_usd=1, time_zone="UTC"
    )
    ran = bursar("run", "--cap", "0.000001", "--at-limit", "block", "--", sys.executable, "-c", AGENT)
    assert ran.status == 1
    assert "1 call refused" in ran.err
    assert provider.bill_nano_usd == 0
    assert list_caps(ledger) == []


def test_a_receipt_without_a_place_is_told_before_the_agent_starts(bursar: Bursar, tmp_path: Path) -> None:
    ran = bursar("run", "--json", str(tmp_path / "no" / "receipt.json"), "--", "true")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "The receipt has no place")
