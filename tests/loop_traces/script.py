"""Writing an agent's calls down, turn by turn, in the shapes of real agents."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.core.loops import Step, Turn, is_wait
from app.core.tool_call import ToolOutcome
from app.insight.loop_memory import SeenCall

OK, FAILED, UNKNOWN = ToolOutcome.SUCCEEDED, ToolOutcome.FAILED, ToolOutcome.UNKNOWN
CENT = 10_000_000
SEEDS = 12
"""Traces of each kind."""
AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SHELLS = ("Bash", "exec_command", "run_shell_command", "bash", "execute")
READERS = ("Read", "read_file", "mcp__files__read", "view", "Grep")
EDITORS = ("Edit", "apply_patch", "replace", "str_replace_editor", "write_file")


@dataclass(frozen=True, slots=True)
class Trace:
    """Calls in the order of their answers. `start` is the index of the call that a planted loop starts with."""

    calls: tuple[SeenCall, ...]
    start: int | None = None


class Script:
    """Writes a trace down: each turn is a call's answer, and its results come with the call after it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.shell, self.reader, self.editor = (self.random.choice(some) for some in (SHELLS, READERS, EDITORS))
        self.calls: list[SeenCall] = []
        self._at = AT

    def mark(self) -> str:
        """Arguments, or a result, that nothing else equals."""
        return f"{self.random.getrandbits(64):x}"

    def step(self, tool: str, arguments: str = "", outcome: ToolOutcome = OK, result: str = "", ms: int = 40) -> Step:
        """A step; what is left out equals nothing else."""
        return Step(tool, arguments or self.mark(), outcome, result or self.mark(), is_wait(tool, ms))

    def turn(self, *steps: Step, who: str = "", parent: str = "") -> str:
        """The next call of a conversation, which carries the results of the call before; `parent` names another."""
        asked_by = parent or (self.calls[-1].call_id if self.calls else "first")
        cost = self.random.randrange(CENT, 9 * CENT)
        return self.call((Turn(asked_by, steps, cost),), who=who)

    def call(self, turns: tuple[Turn, ...] = (), *, who: str = "", asked: str = "", overlaps: bool = False) -> str:
        """A call as it was answered. `overlaps`: it was on its way together with the one before."""
        begun = self._at if overlaps else self._at + timedelta(seconds=self.random.randrange(1, 20))
        ended = begun + timedelta(seconds=5)
        self._at = self._at if overlaps else ended
        call_id = f"call-{len(self.calls)}"
        key = ("key", "session", who)
        seen = SeenCall(call_id, key, begun, ended, 3 * CENT, bool(turns), turns, asked or self.mark())
        self.calls.append(seen)
        return call_id

    def work(self, turns: int) -> None:
        """Ordinary work: look, search, edit, run, sometimes wrongly."""
        for _ in range(turns):
            tool = self.random.choice((self.reader, self.reader, self.editor, self.shell, "Glob", "WebFetch"))
            steps = [self.step(tool, outcome=self.random.choice((OK, OK, OK, UNKNOWN)))]
            if self.random.random() < 0.2:
                steps.append(self.step(self.reader))
            if self.random.random() < 0.1:
                steps = [self.step(tool, outcome=FAILED)]
            self.turn(*steps)

    def trace(self, start: int | None = None) -> Trace:
        """What was written."""
        return Trace(tuple(self.calls), start)
