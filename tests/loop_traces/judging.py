"""Putting traces before the loop detection."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.loops import Finding, LoopLevel
from app.insight.loop_memory import LoopMemory
from app.insight.loops import far_faster, far_more_calls
from tests.loop_traces.script import CENT, Trace


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one trace: calls from its start until each level, None where it was not reached."""

    noted: int | None = None
    told: int | None = None
    stopped: int | None = None


def outcome_of(trace: Trace) -> Outcome:
    """Put one trace before the detection."""
    memory, start = LoopMemory(), trace.start or 0
    levels = [_strongest(memory.take(call)) for call in trace.calls]
    ranks = (LoopLevel.NOTE, LoopLevel.ALERT, LoopLevel.PAUSE)
    return Outcome(*(_first(levels, least, start) for least in ranks))


def _strongest(findings: Sequence[Finding]) -> LoopLevel:
    return max((one.level for one in findings), key=lambda level: level.rank, default=LoopLevel.OFF)


def _first(levels: Sequence[LoopLevel], least: LoopLevel, start: int) -> int | None:
    found = (index - start for index, level in enumerate(levels) if level.rank >= least.rank)
    return next(found, None)


def far_too_much(seed: int, times: int) -> list[int]:
    """An agent that comes to so many times its usual in small calls, once in pace and once in calls: after how many
    calls beyond five times the usual it is noted, for each that is."""
    usual, a_time = random.Random(seed).randrange(20, 200), 40
    much = [(step, usual * step // a_time) for step in range(1, times * a_time + 1)]
    pace = (step for step, one in much if far_faster(one * CENT, usual * CENT))
    calls = (step for step, one in much if far_more_calls(one, usual, ""))
    return [step - 5 * a_time for step in (next(pace, None), next(calls, None)) if step is not None]
