"""Real agents work through a real meter, tool calls and all, and the ledger equals the provider's own bill."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.core.call import Basis, Call, Outcome
from app.core.origin import RequestClass
from app.services.agents.recipe import Connection
from app.services.agents.recipes import recipe_for
from app.services.launch import agent_command, agent_environment
from tests.end2end.agents.installed import agent
from tests.end2end.agents.models import PROOF, Bill, MessagesModel, ResponsesModel
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider
from tests.end2end.socket_provider import SocketProvider

pytestmark = [pytest.mark.agents, pytest.mark.end2end, pytest.mark.timeout(1200)]

AGENT_TIMEOUT_S = 120
PROMPT = "Leave a proof, then stop."
CODEX = ("exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", PROMPT)
CLAUDE = ("-p", PROMPT, "--model", "claude-haiku-4-5", "--allowedTools", "Bash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the agent works."""
    place = tmp_path / "work"
    place.mkdir()
    return place


def run(running: RunningMeter, program: str, arguments: Sequence[str], folder: Path) -> str:
    """Run an agent in an empty home that is its folder too, as `bursar run` would. Returns what it printed."""
    (folder / "of-codex").mkdir()
    own = {
        "HOME": str(folder),
        "CODEX_HOME": str(folder / "of-codex"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
    connection = Connection(running.gateway, running.token)
    environment = agent_environment(connection, keep | own, recipe_for(program))
    command = agent_command([agent(program), *arguments], connection)
    ended = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=AGENT_TIMEOUT_S,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def check_exact(calls: list[Call], bill: Bill) -> None:
    """Each answer is one call with its tokens and its cost."""
    metered = [
        (call.usage.input_tokens, call.usage.cache_read_tokens, call.usage.output_tokens, call.cost_nano_usd)
        for call in calls
    ]
    assert sorted(bill.lines) == sorted(metered)
    assert sum(call.cost_nano_usd or 0 for call in calls) == bill.nano_usd > 0
    assert {(call.outcome, call.cost_basis) for call in calls} == {(Outcome.COMPLETED, Basis.TABLE)}
    assert all(call.is_stream and call.tags.session for call in calls)


def check_tool_ran(folder: Path, bill: Bill) -> None:
    """The tool call reached the agent, and its result the provider."""
    assert (folder / PROOF).read_text().strip() == "bursar was here"
    assert bill.tool_results >= 1


def test_codex_over_a_socket_is_metered_exactly(home: Path, folder: Path) -> None:
    model = ResponsesModel()
    with SocketProvider(model.reply).running() as provider, meter(home, {"openai": provider.url}) as running:
        assert "all done" in run(running, "codex", CODEX, folder)
        check_exact(running.calls(len(model.bill.lines)), model.bill)
        classes = [call.origin.request_class for call in running.calls(len(model.bill.lines))]
        assert classes.count(RequestClass.SIDE) <= 1, "opening its socket may warm the model up, which costs nothing"
        assert {*classes} <= {RequestClass.MAIN, RequestClass.SIDE}
    check_tool_ran(folder, model.bill)
    assert provider.paths == ["/v1/responses"]


def test_codex_over_http_after_a_426_is_metered_exactly(home: Path, folder: Path) -> None:
    model = ResponsesModel()
    with Provider(model.answer).running() as provider, meter(home, {"openai": provider.url}) as running:
        assert "all done" in run(running, "codex", CODEX, folder)
        check_exact(running.calls(len(model.bill.lines)), model.bill)
    check_tool_ran(folder, model.bill)
    assert [seen.path for seen in provider.seen if "upgrade" in seen.headers] == ["/v1/responses"]


def test_claude_code_over_sse_is_metered_exactly(home: Path, folder: Path) -> None:
    model = MessagesModel()
    with Provider(model.answer).running() as provider, meter(home, {"anthropic": provider.url}) as running:
        assert "all done" in run(running, "claude", CLAUDE, folder)
        check_exact(running.calls(len(model.bill.lines)), model.bill)
    check_tool_ran(folder, model.bill)


def run_sandboxed(program: str, arguments: Sequence[str], folder: Path, person: Path, home: Path) -> str:
    """Run an agent with `bursar run --sandbox`, in a repository of its own. Returns what it printed."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (person / ".ssh").mkdir(parents=True)
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    own = {
        "HOME": str(person),
        "BURSAR_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "app", "run", "--sandbox", "--", agent(program), *arguments],
        env=keep | own, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=AGENT_TIMEOUT_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Assurance: sandboxed" in ended.stderr
    return ended.stdout


def test_claude_code_works_in_the_sandbox(home: Path, folder: Path, tmp_path: Path) -> None:
    model = MessagesModel()
    with Provider(model.answer).running() as provider, meter(home, {"anthropic": provider.url}) as running:
        assert "all done" in run_sandboxed("claude", CLAUDE, folder, tmp_path / "person", home)
        check_exact(running.calls(len(model.bill.lines)), model.bill)
    check_tool_ran(folder, model.bill)
    assert len((tmp_path / "person" / ".claude" / ".claude.json").read_text()) > 10, "its own notes are kept"


def test_codex_works_in_the_sandbox(home: Path, folder: Path, tmp_path: Path) -> None:
    model = ResponsesModel()
    with SocketProvider(model.reply).running() as provider, meter(home, {"openai": provider.url}) as running:
        assert "all done" in run_sandboxed("codex", CODEX, folder, tmp_path / "person", home)
        check_exact(running.calls(len(model.bill.lines)), model.bill)
    check_tool_ran(folder, model.bill)
