"""What the played models have their agents do, whatever the dialect: hand a part to a helper, run two commands, stop.

A step is chosen by the results that a request brings along, so that a request sent again gets the same step.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

PROOF = "proof.txt"
PROMPT = "Leave a proof, then stop."
HELPERS_PROMPT = "You are the helper: leave your part of the proof."
HELPERS_COMMAND = f"echo helper >> {PROOF}"
COMMANDS = (f"echo first >> {PROOF}", f"echo second >> {PROOF}")
SAID_AT_THE_END = "all done"
A_TITLE = "A proof is left"


@dataclass
class Bill:
    """What a provider would charge: one line for each answer, in nano-dollars, and the tokens behind it. `results` are
    the ids of the tool calls whose results came back, `numbers` tell the answers apart."""

    lines: list[tuple[int, int, int, int]] = field(default_factory=list)
    results: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def nano_usd(self) -> int:
        """The sum."""
        return sum(line[3] for line in self.lines)

    def add(self, given: int, cached: int, made: int, nano_usd: int) -> None:
        """One answer."""
        self.lines.append((given, cached, made, nano_usd))


@dataclass(frozen=True)
class Step:
    """What a model does next: run a command, hand a part to a helper, or say something and stop."""

    command: str = ""
    hands_over: bool = False
    text: str = ""


def next_step(results: int, *, is_helper: bool = False, has_helpers: bool = False) -> Step:
    """The step after so many results of tools."""
    helpers = [Step(hands_over=True)] if has_helpers else []
    commands = [HELPERS_COMMAND] if is_helper else COMMANDS
    steps = [*([] if is_helper else helpers), *(Step(command=command) for command in commands)]
    return steps[results] if results < len(steps) else Step(text=SAID_AT_THE_END)
