"""What an agent that goes round in circles is told by: its steps, what was found in them, and how strictly each kind
is dealt with.

A step is a tool call whose result has come. Marks stand in the place of arguments and results, so that steps can be
compared and nothing of them is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.core.money import format_usd
from app.core.tool_call import ToolOutcome
from app.core.wording import counted

LOOP_CAP_ID = "loop"
"""Stands in the place of a cap's id in the question about a loop; the window's key is then the loop's id."""


WAIT_TOOLS = frozenset({"BashOutput", "TaskOutput", "AgentOutputTool", "write_stdin", "wait", "wait_agent", "sleep"})
"""Tools that wait for something that runs on: Claude Code's and Codex's."""
_NAME_SHOWN = 39
WAITS_FROM_MS = 20_000
"""A tool that takes as long as this was waiting, or a person thought about letting it run."""


class LoopKind(StrEnum):
    """What goes round.

    `repeat`: the same tool with the same arguments and the same result. `failing`: the same tool with the same
    arguments, which fails each time. `errors`: the same tool fails each time, whatever its arguments. `cycle`: a few
    steps in the same order, with the same arguments and results. `request`: the same request, one after the other.
    `pace`: a session spends far faster than is usual for its agent. `calls`: a task makes far more calls in a day than
    is usual for its agent.
    """

    REPEAT = "repeat"
    FAILING = "failing"
    ERRORS = "errors"
    CYCLE = "cycle"
    REQUEST = "request"
    PACE = "pace"
    CALLS = "calls"


class LoopLevel(StrEnum):
    """What a loop leads to, weakest first. `note` is listed, `alert` is told to the person, `pause` lets the session's
    next call wait for the person, `block` refuses it."""

    OFF = "off"
    NOTE = "note"
    ALERT = "alert"
    PAUSE = "pause"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        """For comparing: 0 is off."""
        return list(LoopLevel).index(self)

    @property
    def stops(self) -> bool:
        """Whether the session's next call does not go."""
        return self in (LoopLevel.PAUSE, LoopLevel.BLOCK)


DEFAULT_LEVELS: Mapping[LoopKind, LoopLevel] = {
    LoopKind.REPEAT: LoopLevel.PAUSE,
    LoopKind.FAILING: LoopLevel.PAUSE,
    LoopKind.ERRORS: LoopLevel.PAUSE,
    LoopKind.CYCLE: LoopLevel.PAUSE,
    LoopKind.REQUEST: LoopLevel.ALERT,
    LoopKind.PACE: LoopLevel.ALERT,
    LoopKind.CALLS: LoopLevel.ALERT,
}
"""The strongest that each kind leads to unless a person says otherwise. What may have a good reason stops nothing: a
program that samples sends the same request on purpose."""


@dataclass(frozen=True, slots=True)
class LoopRules:
    """The strongest level for each kind, in one project."""

    levels: Mapping[LoopKind, LoopLevel] = field(default_factory=lambda: dict(DEFAULT_LEVELS))

    def level_of(self, kind: LoopKind, found: LoopLevel) -> LoopLevel:
        """What a loop leads to that by itself would lead to `found`. Where `block` is chosen, it takes the place of
        `pause`."""
        strongest = self.levels.get(kind, DEFAULT_LEVELS[kind])
        if found.stops:
            return strongest
        return found if found.rank <= strongest.rank else strongest


@dataclass(frozen=True, slots=True)
class Step:
    """A tool call with its result. `arguments` and `result` are marks, equal for equal ones; an empty `result` was not
    seen and equals nothing. `is_wait`: the tool took its time, or is one that waits for something."""

    tool: str
    arguments: str
    outcome: ToolOutcome
    result: str = ""
    is_wait: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """The tools that one answer asked for, with their results. `cost_nano_usd` is that call's, None where unknown."""

    call_id: str
    steps: tuple[Step, ...]
    cost_nano_usd: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A loop. `count` is how many times it went round (calls, for `calls`; the factor of the usual, for `pace`),
    `tools` the names in their order, `mark` what tells it from another of its kind, `cost_nano_usd` what its
    repetitions cost as far as that is known, and `usual` what is usual: nano-dollars for `pace`, calls for `calls`."""

    kind: LoopKind
    level: LoopLevel
    count: int
    mark: str
    tools: tuple[str, ...] = ()
    cost_nano_usd: int | None = None
    usual: int = 0


def is_wait(tool: str, latency_ms: int | None) -> bool:
    """Whether a tool call waited for something."""
    return tool in WAIT_TOOLS or (latency_ms is not None and latency_ms >= WAITS_FROM_MS)


def loop_title(kind: LoopKind) -> str:
    """What an agent does that is in it, after its name: `repeats itself`."""
    if kind is LoopKind.PACE:
        return "spends far faster than usual"
    return "makes far more calls than usual" if kind is LoopKind.CALLS else "repeats itself"


def loop_words(finding: Finding) -> str:
    """What repeats, in few words: `Bash with the same arguments, 12 times`."""
    times = f"{finding.count:,} times"
    tools = _named(finding.tools)
    match finding.kind:
        case LoopKind.REPEAT:
            return f"{tools} with the same arguments, {times}"
        case LoopKind.FAILING:
            return f"{tools} with the same arguments, failed {times}"
        case LoopKind.ERRORS:
            return f"{tools} failed {times} in a row"
        case LoopKind.CYCLE:
            return f"{tools} in the same order, {times}"
        case LoopKind.REQUEST:
            return f"The same request, {times}"
        case LoopKind.PACE:
            return f"{finding.count:,} times its usual pace"
        case LoopKind.CALLS:
            return f"{counted(finding.count, 'call')} today, {finding.usual:,} are usual"


def loop_sentence(finding: Finding) -> str:
    """The same as a whole sentence, for the model that is in it."""
    tools, times = _named(finding.tools), f"{finding.count:,} times"
    match finding.kind:
        case LoopKind.REPEAT:
            return f"{tools} was called with the same arguments {times} in a row and gave the same result each time."
        case LoopKind.FAILING:
            return f"{tools} was called with the same arguments {times} in a row and failed each time."
        case LoopKind.ERRORS:
            return f"{tools} failed {times} in a row."
        case LoopKind.CYCLE:
            return f"{tools} were called in the same order {times}, each time with the same arguments and results."
        case LoopKind.REQUEST:
            return f"The same request was sent {times} in a row."
        case LoopKind.PACE:
            usual = format_usd(finding.usual)
            return f"This session spent {format_usd(finding.cost_nano_usd)} in 15 minutes, where {usual} is usual."
        case LoopKind.CALLS:
            return f"This task made {counted(finding.count, 'call')} today, where {finding.usual:,} are usual."


def _named(tools: tuple[str, ...]) -> str:
    """`Bash`; `Bash and Read`; `Bash, Read and Edit`. A name that would not fit beside buttons loses its middle."""
    told = [name if len(name) <= _NAME_SHOWN else f"{name[:26]}…{name[-12:]}" for name in tools]
    if len(told) < 2:
        return told[0] if told else "A tool"
    return f"{', '.join(told[:-1])} and {told[-1]}"
