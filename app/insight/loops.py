"""Is this agent going round in circles? Asked of its last steps, of its last requests and of what is usual for it.

What tells a loop from work is that nothing changes: the same call with the same result, or one that fails again. So
none of these is a loop: a poll whose output changes, one tool on many files, a file that is read again after an edit, a
test that fails between edits. Steps that only keep an agent's own notes are looked through. Waiting (a tool that takes
its time, or that only waits) counts four times more slowly: whoever polls once a minute repeats himself, and hurries
nowhere. A person who speaks begins a new conversation, and so does an agent that compacts its own.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from app.core.loops import Finding, LoopKind, LoopLevel, Step, Turn
from app.core.tool_call import ToolOutcome

TURNS_KEPT = 64
LONGEST_CYCLE = 8
WAITS_SLOWER = 4
WAITS_FROM = timedelta(seconds=20)
"""A tool that takes as long as this was waiting, or a person thought about letting it run."""

NOTE_TOOLS = frozenset({"TodoWrite", "TodoRead", "TaskCreate", "TaskUpdate", "TaskList", "todowrite", "todoread",
                        "update_plan", "write_todos", "think", "sequentialthinking"})  # fmt: skip
"""Tools that keep an agent's own notes and do nothing: Claude Code's, opencode's, Codex's, Gemini CLI's."""
WAIT_TOOLS = frozenset({"BashOutput", "TaskOutput", "AgentOutputTool", "write_stdin", "wait", "wait_agent", "sleep"})
"""Tools that wait for something that runs on: Claude Code's and Codex's."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which count on a kind is noted, told, and stopped."""

    note: int
    alert: int
    stop: int

    def level(self, count: int, *, slower: int = 1) -> LoopLevel:
        """What so many lead to."""
        for least, level in ((self.stop, LoopLevel.PAUSE), (self.alert, LoopLevel.ALERT), (self.note, LoopLevel.NOTE)):
            if count >= least * slower:
                return level
        return LoopLevel.OFF


THRESHOLDS = {
    LoopKind.REPEAT: Thresholds(4, 5, 10),
    LoopKind.FAILING: Thresholds(4, 5, 8),
    LoopKind.ERRORS: Thresholds(6, 10, 25),
    LoopKind.REQUEST: Thresholds(4, 5, 20),
    LoopKind.PACE: Thresholds(5, 10, 25),
    LoopKind.CALLS: Thresholds(5, 10, 25),
}
"""Counts of steps or requests in a row; for `pace` and `calls`, how many times the usual."""

_CYCLE_NOTE, _CYCLE_ALERT, _CYCLE_STOP = 5, 6, 12
"""How many steps in a row must equal those one round before."""
_FEW = 4
"""Cycles of more steps than these must have come round twice more."""

PACE_LEAST_NANO_USD = 1_000_000_000
PACE_WINDOW = timedelta(minutes=15)
CALLS_LEAST = 100
SAMPLES_LEAST = 10
"""From less history nothing is usual. A pace under a dollar, and less than a hundred calls, are never too much."""


def is_wait(tool: str, latency_ms: int | None) -> bool:
    """Whether a tool call waited for something."""
    return tool in WAIT_TOOLS or (latency_ms is not None and latency_ms >= WAITS_FROM // timedelta(milliseconds=1))


def loops_in(turns: Iterable[Turn]) -> tuple[Finding, ...]:
    """The loops that the newest turn of a conversation is in; `turns` are its turns, oldest first."""
    whole = [turn for turn in turns if turn.steps]
    return _found_in(whole) or _found_in([turn for turn in map(_without_notes, whole) if turn.steps])


def same_requests(count: int, mark: str, cost_nano_usd: int | None) -> Finding | None:
    """What it means that the same request was sent `count` times, each after the last was answered, and no other of its
    conversation in between."""
    level = THRESHOLDS[LoopKind.REQUEST].level(count)
    return None if level is LoopLevel.OFF else Finding(LoopKind.REQUEST, level, count, mark, (), cost_nano_usd)


def far_faster(spent_nano_usd: int, usual_nano_usd: int | None) -> Finding | None:
    """What it means that a session spent so much within 15 minutes, where half of its agent's stayed below `usual`;
    None for `usual`: too little is known."""
    if not usual_nano_usd or spent_nano_usd < PACE_LEAST_NANO_USD:
        return None
    factor = spent_nano_usd // usual_nano_usd
    level = THRESHOLDS[LoopKind.PACE].level(factor)
    if level is LoopLevel.OFF:
        return None
    return Finding(LoopKind.PACE, level, factor, "", (), spent_nano_usd, usual_nano_usd)


def far_more_calls(calls: int, usual: int | None, mark: str) -> Finding | None:
    """The same of the calls that a task made in a day."""
    if not usual or calls < CALLS_LEAST:
        return None
    level = THRESHOLDS[LoopKind.CALLS].level(calls // usual)
    return None if level is LoopLevel.OFF else Finding(LoopKind.CALLS, level, calls, mark, (), None, usual)


def median(values: Sequence[int]) -> int | None:
    """The middle of what is known, the lower of two; None of fewer than ten."""
    return sorted(values)[(len(values) - 1) // 2] if len(values) >= SAMPLES_LEAST else None


def _found_in(turns: list[Turn]) -> tuple[Finding, ...]:
    if not turns:
        return ()
    found = [*_repeats(turns), *_errors(turns)]
    repeats = any(one.kind in (LoopKind.REPEAT, LoopKind.FAILING) for one in found)
    return tuple(found if repeats else [*found, *_cycle(turns)])


def _without_notes(turn: Turn) -> Turn:
    kept = tuple(step for step in turn.steps if step.tool not in NOTE_TOOLS)
    return turn if len(kept) == len(turn.steps) else Turn(turn.call_id, kept, turn.cost_nano_usd)


def _repeats(turns: list[Turn]) -> Iterator[Finding]:
    """Tool calls of the newest turn that were made in each turn before it too, with the same end."""
    for step in dict.fromkeys(turns[-1].steps):
        sameness = _sameness(step)
        if sameness is None:
            continue
        run = _run(turns, partial(_has, sameness))
        kind = LoopKind.FAILING if step.outcome is ToolOutcome.FAILED else LoopKind.REPEAT
        level = THRESHOLDS[kind].level(len(run), slower=_slower(run, step.tool))
        if level is not LoopLevel.OFF:
            yield Finding(kind, level, len(run), _mark(step.tool, step.arguments), (step.tool,), _cost(run[1:]))


def _errors(turns: list[Turn]) -> Iterator[Finding]:
    """Tools of the newest turn that failed in each turn, not always with the same arguments."""
    for tool in dict.fromkeys(step.tool for step in turns[-1].steps):
        run = _run(turns, partial(_only_fails, tool))
        made = {step.arguments for turn in run for step in turn.steps if step.tool == tool}
        level = THRESHOLDS[LoopKind.ERRORS].level(len(run), slower=_slower(run, tool))
        if len(made) > 1 and level is not LoopLevel.OFF:
            yield Finding(LoopKind.ERRORS, level, len(run), _mark(tool), (tool,), _cost(run[1:]))


def _cycle(turns: list[Turn]) -> list[Finding]:
    """The shortest cycle that the newest turns are in."""
    marks = [_sameness_of_all(turn) for turn in turns]
    for period in range(2, LONGEST_CYCLE + 1):
        matches = 0
        while matches + period < len(marks) and _is_same(marks[-1 - matches], marks[-1 - matches - period]):
            matches += 1
        level = _cycle_level(period, matches)
        if level is LoopLevel.OFF or len(set(marks[-period:])) == 1:
            continue
        tools = tuple(step.tool for turn in _first_round(turns, period, matches) for step in turn.steps[:1])
        mark = min(_mark(*(str(one) for one in _turned(marks[-period:], by))) for by in range(period))
        cost = _cost(turns[len(turns) - matches :])
        return [Finding(LoopKind.CYCLE, level, 1 + matches // period, mark, tools, cost)]
    return []


def _cycle_level(period: int, matches: int) -> LoopLevel:
    rounds = 1 if period <= _FEW else 2
    if matches >= max(_CYCLE_STOP, 3 * period):
        return LoopLevel.PAUSE
    if matches >= max(_CYCLE_ALERT, rounds * period):
        return LoopLevel.ALERT
    return LoopLevel.NOTE if matches >= max(_CYCLE_NOTE, rounds * period) else LoopLevel.OFF


def _first_round(turns: list[Turn], period: int, matches: int) -> list[Turn]:
    start = len(turns) - matches - period
    return turns[start : start + period]


def _turned[Item](marks: list[Item], by: int) -> list[Item]:
    """The cycle begun at another of its steps: it is the same one wherever it is looked at."""
    return marks[by:] + marks[:by]


def _run(turns: list[Turn], belongs: Callable[[Turn], bool]) -> list[Turn]:
    """The newest turns in a row that belong."""
    run: list[Turn] = []
    for turn in reversed(turns):
        if not belongs(turn):
            break
        run.append(turn)
    return run[::-1]


def _sameness(step: Step) -> tuple[str, ...] | None:
    """What two steps share when nothing has changed between them; None for one that equals no other. A failure may be
    worded in another way each time."""
    if step.outcome is ToolOutcome.FAILED:
        return (step.tool, step.arguments, ToolOutcome.FAILED)
    return (step.tool, step.arguments, step.outcome, step.result) if step.result else None


def _sameness_of_all(turn: Turn) -> tuple[tuple[str, ...], ...] | None:
    told = [_sameness(step) for step in turn.steps]
    known = [one for one in told if one is not None]
    return tuple(sorted(known)) if len(known) == len(told) else None


def _is_same(one: object, other: object) -> bool:
    return one is not None and one == other


def _has(sameness: tuple[str, ...], turn: Turn) -> bool:
    return any(_sameness(step) == sameness for step in turn.steps)


def _only_fails(tool: str, turn: Turn) -> bool:
    ends = [step.outcome for step in turn.steps if step.tool == tool]
    return bool(ends) and all(end is ToolOutcome.FAILED for end in ends)


def _slower(run: list[Turn], tool: str) -> int:
    """How much more slowly these count: half of them or more waited."""
    waits = [step.is_wait for turn in run for step in turn.steps if step.tool == tool]
    return WAITS_SLOWER if waits and sum(waits) * 2 >= len(waits) else 1


def _cost(turns: Sequence[Turn]) -> int | None:
    known = [turn.cost_nano_usd for turn in turns if turn.cost_nano_usd is not None]
    return sum(known) if known else None


def _mark(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
