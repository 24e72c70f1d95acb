"""Agents that go round in circles from one step on."""

from collections.abc import Callable, Iterator

from app.core.tool_call import ToolOutcome
from tests.loop_traces.script import FAILED, OK, SEEDS, UNKNOWN, Script, Trace


def _same_call(script: Script, outcome: ToolOutcome = OK, *, noted: bool = False, worded: bool = False) -> None:
    asked, result = script.mark(), script.mark()
    for _ in range(30):
        script.turn(script.step(script.shell, asked, outcome, "" if worded else result))
        if noted:
            script.turn(script.step("update_plan"))


def _same_error(script: Script) -> None:
    for _ in range(30):
        script.turn(script.step(script.editor, outcome=FAILED))


def _round(script: Script, period: int) -> None:
    steps = [(tool, script.mark(), script.mark()) for tool in ("Grep", "Read", "Bash", "Glob")[:period]]
    for index in range(40):
        tool, asked, result = steps[index % period]
        failed = tool == "Bash" and period == 3
        script.turn(script.step(tool, asked, FAILED if failed else OK, script.mark() if failed else result))


def _same_request(script: Script) -> None:
    asked = script.mark()
    for _ in range(24):
        script.call(asked=asked)


PLANTED: dict[str, tuple[Callable[[Script], None], int]] = {
    "the same call, the same result": (_same_call, 1),
    "the same, success not told": (lambda script: _same_call(script, UNKNOWN), 1),
    "the same call fails": (lambda script: _same_call(script, FAILED), 1),
    "the same, another text each time": (lambda script: _same_call(script, FAILED, worded=True), 1),
    "one tool fails, other arguments": (_same_error, 1),
    "A B A B": (lambda script: _round(script, 2), 2),
    "A B C A B C, C fails": (lambda script: _round(script, 3), 3),
    "A B C D A B C D": (lambda script: _round(script, 4), 4),
    "the same request": (_same_request, 1),
}
"""How each is made, and how many steps come before the first repetition."""


def planted_traces() -> Iterator[tuple[str, Trace]]:
    """Traces with one loop each."""
    for number, (name, (write, before)) in enumerate(PLANTED.items()):
        for seed in range(SEEDS):
            script = Script(900_000 + number * 1_000 + seed)
            script.call()
            script.work(script.random.randrange(3, 70))
            script.turn(script.step("Glob"))
            begun = len(script.calls)
            write(script)
            is_request = write is _same_request
            # A turn's results come with the call after the one that asked for it.
            yield name, script.trace(begun + before - (0 if is_request else 1))
