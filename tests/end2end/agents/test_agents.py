"""Real agents work through a real meter, tool calls and all, and the ledger equals the provider's own bill; at a cap
they wait and go on, or stop and say why; a meter that is killed under them is back before they give up."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core.call import Basis, Call, Outcome
from app.core.money import NANO_PER_CENT
from app.core.origin import RequestClass
from app.core.tags import Scope
from app.core.tool_call import ToolCall, ToolOutcome
from app.core.windows import Window
from app.ledger.approval_store import ApprovalState, answered, approve, refuse, waiting
from app.ledger.attendance import attend_keeper
from app.ledger.call_input_store import input_of_call
from app.ledger.call_store import recent_calls
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import running_meter
from app.ledger.tool_store import tools_of_call
from app.services.kept_meter import KeptMeter
from app.services.settings import Settings
from tests.end2end.agents import script
from tests.end2end.agents.jobs import JOBS, PROJECT, SDK_JOBS, USER, Ended, Job, finish, make_place, played, start
from tests.end2end.agents.script import SAID_AT_THE_END, Bill
from tests.end2end.meter_process import KEYS, RunningMeter, meter, wait_until

pytestmark = [pytest.mark.end2end, pytest.mark.timeout(1200)]

real_agent = pytest.mark.agents


def each_agent(*sdks: str) -> pytest.MarkDecorator:
    """A case for every real agent, and for these SDKs, which stand for them in the default run."""
    short = [pytest.param(SDK_JOBS[name], id=name) for name in sdks]
    return pytest.mark.parametrize(
        "job", [*short, *(pytest.param(job, id=name, marks=real_agent) for name, job in JOBS.items())]
    )


def check_exact(calls: list[Call], bill: Bill) -> None:
    """Each answer is one call with its tokens and its cost."""
    metered = [
        (call.usage.input_tokens, call.usage.cache_read_tokens, call.usage.output_tokens, call.cost_nano_usd)
        for call in calls
    ]
    assert sorted(bill.lines) == sorted(metered)
    assert sum(call.cost_nano_usd or 0 for call in calls) == bill.nano_usd > 0
    assert {(call.outcome, call.cost_basis) for call in calls} == {(Outcome.COMPLETED, Basis.TABLE)}


def check_labels(calls: list[Call], job: Job) -> None:
    """Each call is booked to whom it belongs to, and to a session."""
    payers = {(call.tags.project, call.tags.agent, call.tags.task, call.tags.user) for call in calls}
    assert payers == {(PROJECT, job.agent, job.task, USER)}
    sessions = {call.tags.session for call in calls}
    assert "" not in sessions
    assert len(sessions) == 1, "a helper's calls too"
    purposes = [call.origin.request_class for call in calls]
    assert (RequestClass.SUB_AGENT in purposes) == job.has_helper
    if job.agent == "codex":
        assert {*purposes} <= {RequestClass.MAIN, RequestClass.SIDE}
        assert purposes.count(RequestClass.SIDE) <= 1, "opening its socket may warm the model up, which costs nothing"


def tools_of(ledger: Ledger, calls: list[Call]) -> list[ToolCall]:
    return [tool for call in calls for tool in tools_of_call(ledger, call.call_id)]


def check_tools(tools: list[ToolCall], job: Job) -> None:
    """Each tool call is named, has its result, and tells as much of its end as the agent does."""
    assert {(tool.name, tool.outcome) for tool in tools} == set(job.tools.items())
    assert all(tool.has_result and (tool.result_bytes or 0) >= 0 for tool in tools)
    assert not any(tool.is_retry for tool in tools)


def check_inputs(ledger: Ledger, calls: list[Call]) -> None:
    """Each call sends again all that its conversation sent before."""
    last: dict[tuple[str, str], Call] = {}
    for call in calls:
        part = (call.origin.request_class, call.origin.agent_id)
        if (before := last.get(part)) is not None:
            told = input_of_call(ledger, call.call_id)
            assert told is not None
            assert told.resent_tokens == before.usage.input_tokens, (told.cause, told.changed_block)
        last[part] = call


@each_agent("openai-sdk", "anthropic-sdk")
def test_a_job_is_metered_exactly_and_booked_to_whom_it_belongs_to(job: Job, home: Path, tmp_path: Path) -> None:
    model, place = job.model(), make_place(tmp_path, job)
    with played(job, model) as provider, meter(home, {job.provider: provider.url}) as running:
        ended = finish(start(job, place, home))
        assert ended.status == 0, ended.shown
        calls = running.calls(len(model.bill.lines))
        check_tools(tools_of(running.ledger, calls), job)
        if job.agent != "aider":  # which moves a reminder to the end of each request
            check_inputs(running.ledger, calls)
    assert place.parts == job.parts
    check_exact(calls, model.bill)
    check_labels(calls, job)
    assert (" tool calls" in ended.shown) == bool(job.tools), ended.shown
    assert f"bursar: {len(calls)} calls, " in ended.shown


@real_agent
@pytest.mark.parametrize("name", ["claude", "codex-http", "codex-socket", "gemini", "opencode"])
def test_a_command_that_fails_is_told_as_far_as_the_agent_tells_it(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = JOBS[name]
    model, place = job.model(), make_place(tmp_path, job)
    first, second = script.COMMANDS
    monkeypatch.setattr(script, "COMMANDS", (first, f"{second}; exit 3"))
    with played(job, model) as provider, meter(home, {job.provider: provider.url}) as running:
        ended = finish(start(job, place, home))
        assert ended.status == 0, ended.shown
        tools = tools_of(running.ledger, running.calls(len(model.bill.lines)))
    assert place.parts == job.parts
    assert tools[-1].outcome is job.of_failure
    assert {(tool.name, tool.outcome) for tool in tools[:-1]} == set(job.tools.items())
    assert (" 1 failed" in ended.shown) == (job.of_failure is ToolOutcome.FAILED), ended.shown


Answering = Callable[[Ledger, str], None]


def _approve(ledger: Ledger, question: str) -> None:
    approve(ledger, question, by="test")


def _refuse(ledger: Ledger, question: str) -> None:
    refuse(ledger, question, by="test")


def run_at_a_cap(job: Job, running: RunningMeter, home: Path, tmp_path: Path, answer: Answering) -> Ended:
    """Run a job whose every question is answered so."""
    process = start(job, make_place(tmp_path, job), home)
    over = threading.Event()

    def answer_all() -> None:
        while not over.wait(0.02):
            for question in waiting(running.ledger):
                answer(running.ledger, question.approval_id)

    person = threading.Thread(target=answer_all)
    person.start()
    try:
        return finish(process)
    finally:
        over.set()
        person.join()


class CapOnFirstAnswer:
    """A cap that is full from the first answer on that costs: the agent meets it in the middle of its job."""

    def __init__(self, bill: Bill) -> None:
        self.ledger: Ledger | None = None
        self._bill = bill
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            if self.ledger is not None and self._bill.nano_usd:
                add_cap(
                    self.ledger, scope=Scope.PROJECT, scope_key=PROJECT, window=Window.TOTAL,
                    limit_nano_usd=NANO_PER_CENT // 100, time_zone="UTC",
                )  # fmt: skip
                self.ledger = None


@each_agent("openai-sdk")
def test_at_a_cap_an_agent_whose_calls_are_approved_finishes_its_job(job: Job, home: Path, tmp_path: Path) -> None:
    model = job.model()
    cap = CapOnFirstAnswer(model.bill)
    with played(job, model, cap) as provider, meter(home, {job.provider: provider.url}) as running:
        cap.ledger = running.ledger
        ended = run_at_a_cap(job, running, home, tmp_path, _approve)
        assert ended.status == 0, ended.shown
        check_exact(running.calls(len(model.bill.lines)), model.bill)
        assert {question.state for question in answered(running.ledger)} == {ApprovalState.APPROVED}


@each_agent("anthropic-sdk")
def test_at_a_cap_a_refused_agent_says_why_and_stops(job: Job, home: Path, tmp_path: Path) -> None:
    model = job.model()
    cap = CapOnFirstAnswer(model.bill)
    with played(job, model, cap) as provider, meter(home, {job.provider: provider.url}) as running:
        cap.ledger = running.ledger
        ended = run_at_a_cap(job, running, home, tmp_path, _refuse)
        calls = recent_calls(running.ledger, 100)
    assert "Refused in Bursar: the cap is reached" in ended.shown, ended.shown
    assert 1 <= sum(call.outcome is Outcome.REFUSED for call in calls) <= 1 + job.after_a_refusal, calls
    check_exact([call for call in calls if call.outcome is not Outcome.REFUSED], model.bill)


@contextmanager
def kept_meter(home: Path, job: Job, url: str) -> Iterator[Ledger]:
    """A meter that is started again when it dies, as the tray and `bursar proxy` keep theirs."""
    ledger = open_ledger(home / "ledger.sqlite")
    try:
        running = KeptMeter(Settings(gateway_port=0, forward_port=0, upstreams={job.provider: url}), ledger.path, KEYS)
        keeper = attend_keeper(ledger, urlsplit(running.gateway_url).port or 0)
        try:
            yield ledger
        finally:
            keeper.release()
            running.stop()
    finally:
        ledger.close()


class KillOnAnswer:
    """Kills the meter, once, when the second answer that costs is about to be sent: it will find nobody."""

    def __init__(self, bill: Bill) -> None:
        self.ledger: Ledger | None = None
        self.killed = 0
        self._bill = bill
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            is_due = sum(line[3] > 0 for line in self._bill.lines) >= 2
            if is_due and not self.killed and self.ledger is not None:
                found = running_meter(self.ledger)
                assert found is not None
                os.kill(found.pid, signal.SIGKILL)
                self.killed = found.pid


@each_agent("openai-sdk")
def test_a_meter_that_is_killed_in_the_middle_of_a_job_is_back_and_the_job_finishes(
    job: Job, home: Path, tmp_path: Path
) -> None:
    model, place = job.model(), make_place(tmp_path, job)
    kill = KillOnAnswer(model.bill)
    with played(job, model, kill) as provider, kept_meter(home, job, provider.url) as ledger:
        kill.ledger = ledger
        ended = finish(start(job, place, home))
        assert ended.status == 0, ended.shown
        wait_until(lambda: len(recent_calls(ledger, 100)) >= len(model.bill.lines), "each answer to be in the ledger")
        calls = recent_calls(ledger, 100)
        after = running_meter(ledger)
    assert kill.killed
    assert after is not None
    assert after.pid != kill.killed
    assert place.parts == job.parts
    assert {call.outcome for call in calls} == {Outcome.COMPLETED, Outcome.INTERRUPTED}
    check_labels(calls, job)


def run_sandboxed(job: Job, home: Path, tmp_path: Path) -> Ended:
    """Run a job with `bursar run --sandbox`."""
    place = make_place(tmp_path, job)
    (place.home / ".ssh").mkdir()
    ended = finish(start(job, place, home, "--sandbox"))
    assert ended.status == 0, ended.shown
    assert "Assurance: sandboxed" in ended.shown
    assert place.parts == job.parts
    return ended


@real_agent
def test_claude_code_works_in_the_sandbox(home: Path, tmp_path: Path) -> None:
    job = JOBS["claude"]
    model = job.model()
    with played(job, model) as provider, meter(home, {"anthropic": provider.url}) as running:
        assert SAID_AT_THE_END in run_sandboxed(job, home, tmp_path).shown
        check_exact(running.calls(len(model.bill.lines)), model.bill)
    assert len((tmp_path / "person" / ".claude" / ".claude.json").read_text()) > 10, "its own notes are kept"


@real_agent
def test_codex_works_in_the_sandbox(home: Path, tmp_path: Path) -> None:
    job = JOBS["codex-socket"]
    model = job.model()
    with played(job, model) as provider, meter(home, {"openai": provider.url}) as running:
        assert SAID_AT_THE_END in run_sandboxed(job, home, tmp_path).shown
        check_exact(running.calls(len(model.bill.lines)), model.bill)
