"""The job that each real agent is given, and how it is run: with `bursar run`, in a repository and an empty home."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.core.tool_call import ToolOutcome
from tests.end2end.agents.chat_model import ChatModel
from tests.end2end.agents.gemini_model import GeminiModel
from tests.end2end.agents.installed import AIDER, LANGGRAPH, node_agent, python_agent
from tests.end2end.agents.messages_model import MessagesModel
from tests.end2end.agents.responses_model import ResponsesModel
from tests.end2end.agents.script import COMMANDS, HELPERS_COMMAND, PROMPT, PROOF
from tests.end2end.provider import Answer, Provider, Seen
from tests.end2end.socket_provider import SocketProvider

AGENT_TIMEOUT_S = 180
PROJECT, BRANCH, USER = "billing-api", "fix-retry", "ada"
GRAPH = Path(__file__).parent / "graph.py"
LOOP = Path(__file__).parent / "sdk_loop.py"

Model = ChatModel | GeminiModel | MessagesModel | ResponsesModel


@dataclass(frozen=True)
class Job:
    """An agent and what it is told. `program` installs it and gives its path. `agent`, `task`: what its calls are to be
    booked to. `files` stand in its home, as a person who uses the agent has them. `after_a_refusal`: calls that it may
    still make once one was refused. `tools`: what its tools are called, and what their results tell of one that went
    well; `of_failure`: of one that failed."""

    agent: str
    program: Callable[[], str]
    arguments: tuple[str, ...]
    provider: str
    model: Callable[[], Model]
    options: tuple[str, ...] = ()
    task: str = BRANCH
    has_helper: bool = False
    is_over_socket: bool = False
    after_a_refusal: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, ToolOutcome] = field(default_factory=dict)
    of_failure: ToolOutcome = ToolOutcome.FAILED

    @property
    def parts(self) -> list[str]:
        """What is left when all of it was done, each part once."""
        return sorted(command.split()[1] for command in (*COMMANDS, *([HELPERS_COMMAND] if self.has_helper else [])))


CODEX = Job(
    "codex",
    lambda: node_agent("codex"),
    ("exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", PROMPT),
    "openai",
    ResponsesModel,
    tools={"exec": ToolOutcome.SUCCEEDED},
)
SDK_JOBS = {
    f"{sdk}-sdk": Job(
        "loop",
        lambda: sys.executable,
        (str(LOOP), sdk, PROMPT),
        sdk,
        model,
        options=("--agent", "loop", "--task", "nightly"),
        task="nightly",
        tools={shell: ToolOutcome.UNKNOWN},
    )
    for sdk, model, shell in (("openai", ChatModel, "shell"), ("anthropic", MessagesModel, "bash"))
}
"""Nothing has to be installed for these."""
JOBS = {
    "claude": Job(
        "claude",
        lambda: node_agent("claude"),
        ("-p", PROMPT, "--model", "claude-haiku-4-5", "--allowedTools", "Bash,Agent"),
        "anthropic",
        MessagesModel,
        has_helper=True,
        variables={"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
        tools={"Agent": ToolOutcome.SUCCEEDED, "Bash": ToolOutcome.SUCCEEDED},
    ),
    "codex-http": CODEX,
    "codex-socket": replace(CODEX, is_over_socket=True),
    "gemini": Job(
        "gemini",
        lambda: node_agent("gemini"),
        ("-p", PROMPT, "--yolo", "--skip-trust", "-m", "gemini-2.5-flash"),
        "google",
        GeminiModel,
        files={".gemini/settings.json": json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}})},
        tools={"run_shell_command": ToolOutcome.SUCCEEDED},
    ),
    "opencode": Job(
        "opencode",
        lambda: node_agent("opencode"),
        ("run", "-m", "anthropic/claude-haiku-4-5", PROMPT),
        "anthropic",
        MessagesModel,
        has_helper=True,
        tools={"bash": ToolOutcome.UNKNOWN, "task": ToolOutcome.UNKNOWN},
        of_failure=ToolOutcome.UNKNOWN,
    ),
    "aider": Job(
        "aider",
        lambda: python_agent(AIDER, "aider"),
        (
            *("--model", "openai/gpt-5-mini", "--edit-format", "whole", "--yes-always", "--no-check-update"),
            *("--no-show-model-warnings", "--analytics-disable", "--no-show-release-notes", "--auto-test"),
            *("--test-cmd", f"grep second {PROOF}", "--message", PROMPT, PROOF),
        ),
        "openai",
        ChatModel,
        # It asks its small model and then its main one for the subject of each of two commits, whatever either said,
        # and makes its next turn; it sends none of them twice.
        after_a_refusal=4,
    ),
    "langgraph": Job(
        "graph",
        lambda: python_agent(LANGGRAPH, "python"),
        (str(GRAPH), PROMPT),
        "openai",
        ChatModel,
        options=("--agent", "graph", "--task", "nightly"),
        task="nightly",
        tools={"shell": ToolOutcome.UNKNOWN},
    ),
}


@dataclass(frozen=True)
class Ended:
    """How a run ended, and all that stood in front of the person, white space folded."""

    status: int
    shown: str


@contextmanager
def played(job: Job, model: Model, then: Callable[[], None] = lambda: None) -> Iterator[Provider | SocketProvider]:
    """The job's provider. `then` is called when an answer is on the bill and before it is sent."""
    if job.is_over_socket:
        assert isinstance(model, ResponsesModel)
        reply = model.reply

        def say(request: dict[str, object]) -> list[str | bytes]:
            said = reply(request)
            then()
            return said

        with SocketProvider(say).running() as sockets:
            yield sockets
        return

    def answer(seen: Seen) -> Answer:
        said = model.answer(seen)
        then()
        return said

    with Provider(answer).running() as provider:
        yield provider


@dataclass(frozen=True)
class Place:
    """Where an agent works: a repository on a branch, and an empty home."""

    folder: Path
    home: Path

    @property
    def parts(self) -> list[str]:
        """What the agent has left so far."""
        return sorted((self.folder / PROOF).read_text().split())


def make_place(beneath: Path, job: Job) -> Place:
    """A new one, with the files that the agent's user has."""
    place = Place(beneath / PROJECT, beneath / "person")
    for file, text in job.files.items():
        (place.home / file).parent.mkdir(parents=True)
        (place.home / file).write_text(text)
    place.home.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q", "-b", BRANCH, str(place.folder)], check=True)
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        subprocess.run(["git", "-C", str(place.folder), "config", name, value], check=True)
    return place


def start(job: Job, place: Place, bursar_home: Path, *options: str) -> subprocess.Popen[str]:
    """`bursar run` with the job."""
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
    own = {"HOME": str(place.home), "BURSAR_HOME": str(bursar_home), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "app", "run", "--user", USER, *job.options, *options, "--"]
    return subprocess.Popen(
        [*command, job.program(), *job.arguments], env={**keep, **own, **job.variables}, cwd=place.folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(running: subprocess.Popen[str]) -> Ended:
    """Wait for its end."""
    try:
        said, _ = running.communicate(timeout=AGENT_TIMEOUT_S)
    finally:
        running.kill()
        running.wait()
    return Ended(running.returncode, " ".join(re.sub(r"\x1b\[[\d;]*m", "", said).split()))
