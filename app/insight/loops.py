"""Is this agent going round in circles? Asked of its last steps, of its last requests and of what is usual for it.

What tells a loop from work is that nothing changes: the same call with the same result, or one that fails again. So
none of these is a loop: a poll whose output changes, one tool on many files, a file that is read again after an edit, a
test that fails between edits. Steps that only keep an agent's own notes are looked through. Waiting (a tool that takes
its time, or that only waits) counts four times more slowly: whoever polls once a minute repeats himself, and hurries
nowhere. A person who speaks begins a new conversation, and so does an agent that compacts its own.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from app.core.loops import Finding, LoopKind, LoopLevel, Step, Turn
from app.core.tool_call import ToolOutcome

TURNS_KEPT = 512
"""Of a conversation; a loop that goes round more often is counted so far."""
TURNS_READ_BACK = 128
"""After a restart: a loop that was longer counts from these, and so speaks anew."""
LONGEST_CYCLE = 8
WAITS_SLOWER = 4
NOTE_TOOLS = frozenset({"TodoWrite", "TodoRead", "TaskCreate", "TaskUpdate", "TaskList", "todowrite", "todoread",
                        "update_plan", "write_todos", "think", "sequentialthinking"})  # fmt: skip
"""Tools that keep an agent's own notes and do nothing: Claude Code's, opencode's, Codex's, Gemini CLI's."""


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


def loops_in(turns: Sequence[Turn]) -> tuple[Finding, ...]:
    """The loops that the newest turn of a conversation is in; `turns` are its turns, oldest first."""
    if not turns:
        return ()
    found = [*_repeats(turns), *_errors(turns)]
    repeats = any(one.kind in (LoopKind.REPEAT, LoopKind.FAILING) for one in found)
    return tuple(found if repeats else [*found, *_cycle(turns)])


def without_notes(turn: Turn) -> Turn:
    """The turn without the steps that only keep an agent's notes."""
    kept = tuple(step for step in turn.steps if step.tool not in NOTE_TOOLS)
    return turn if len(kept) == len(turn.steps) else Turn(turn.call_id, kept, turn.cost_nano_usd)


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


def _repeats(turns: Sequence[Turn]) -> Iterator[Finding]:
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


def _errors(turns: Sequence[Turn]) -> Iterator[Finding]:
    """Tools of the newest turn that failed in each turn, not always with the same arguments."""
    for tool in dict.fromkeys(step.tool for step in turns[-1].steps):
        run = _run(turns, partial(_only_fails, tool))
        made = {step.arguments for turn in run for step in turn.steps if step.tool == tool}
        level = THRESHOLDS[LoopKind.ERRORS].level(len(run), slower=_slower(run, tool))
        if len(made) > 1 and level is not LoopLevel.OFF:
            yield Finding(LoopKind.ERRORS, level, len(run), _mark(tool), (tool,), _cost(run[1:]))


def _cycle(turns: Sequence[Turn]) -> list[Finding]:
    """The shortest cycle that the newest turns are in."""
    marks = _Marks(turns)
    for period in range(2, LONGEST_CYCLE + 1):
        matches = 0
        while matches + period < len(turns) and marks.is_same(-1 - matches, -1 - matches - period):
            matches += 1
        round_marks = [str(marks.of(place)) for place in range(-period, 0)] if matches >= _CYCLE_NOTE else []
        slower = _slower(turns[-period:]) if round_marks else 1
        level = _cycle_level(period, matches // slower)
        if level is LoopLevel.OFF or len(set(round_marks)) == 1:
            continue
        first = turns[len(turns) - matches - period :][:period]
        tools = tuple(step.tool for turn in first for step in turn.steps[:1])
        mark = min(_mark(*round_marks[by:], *round_marks[:by]) for by in range(period))  # wherever it is looked at
        cost = _cost(turns[len(turns) - matches :])
        return [Finding(LoopKind.CYCLE, level, 1 + matches // period, mark, tools, cost)]
    return []


class _Marks:
    """What turns are compared by, made when it is asked for: work is told from a cycle by its last few turns."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._made: dict[int, tuple[tuple[str, ...], ...] | None] = {}

    def of(self, place: int) -> tuple[tuple[str, ...], ...] | None:
        """The mark of the turn at a place, counted from the end. None for one that equals no other."""
        if place not in self._made:
            told = [_sameness(step) for step in self._turns[place].steps]
            known = [one for one in told if one is not None]
            self._made[place] = tuple(sorted(known)) if len(known) == len(told) else None
        return self._made[place]

    def is_same(self, one: int, other: int) -> bool:
        """Whether two turns did the same and came to the same end."""
        return self.of(one) is not None and self.of(one) == self.of(other)


def _cycle_level(period: int, matches: int) -> LoopLevel:
    rounds = 1 if period <= _FEW else 2
    if matches >= max(_CYCLE_STOP, 3 * period):
        return LoopLevel.PAUSE
    if matches >= max(_CYCLE_ALERT, rounds * period):
        return LoopLevel.ALERT
    return LoopLevel.NOTE if matches >= max(_CYCLE_NOTE, rounds * period) else LoopLevel.OFF


def _run(turns: Sequence[Turn], belongs: Callable[[Turn], bool]) -> list[Turn]:
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


def _has(sameness: tuple[str, ...], turn: Turn) -> bool:
    return any(_sameness(step) == sameness for step in turn.steps)


def _only_fails(tool: str, turn: Turn) -> bool:
    ends = [step.outcome for step in turn.steps if step.tool == tool]
    return bool(ends) and all(end is ToolOutcome.FAILED for end in ends)


def _slower(run: Sequence[Turn], tool: str = "") -> int:
    """How much more slowly these count: half of them or more waited."""
    waits = [step.is_wait for turn in run for step in turn.steps if tool in ("", step.tool)]
    return WAITS_SLOWER if waits and sum(waits) * 2 >= len(waits) else 1


def _cost(turns: Sequence[Turn]) -> int | None:
    known = [turn.cost_nano_usd for turn in turns if turn.cost_nano_usd is not None]
    return sum(known) if known else None


def _mark(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
