"""Agents that repeat themselves for a reason, or only seem to."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from app.core.loops import Turn
from tests.loop_traces.script import CENT, FAILED, OK, SEEDS, UNKNOWN, Script, Trace


def _changing_poll(script: Script) -> None:
    asked = script.mark()
    for _ in range(script.random.randrange(8, 40)):
        script.turn(script.step(script.shell, asked, script.random.choice((OK, UNKNOWN))))


def _slow_poll(script: Script) -> None:
    """The same result for a quarter of an hour, once a minute."""
    asked, result = script.mark(), script.mark()
    for _ in range(script.random.randrange(8, 15)):
        script.turn(script.step(script.shell, asked, OK, result, ms=60_000))


def _waiting_tool(script: Script) -> None:
    tool, asked, result = script.random.choice(("write_stdin", "TaskOutput", "BashOutput")), script.mark(), "running"
    for _ in range(script.random.randrange(5, 14)):
        script.turn(script.step(tool, asked, UNKNOWN, result, ms=5_000))


def _many_files(script: Script) -> None:
    for _ in range(script.random.randrange(20, 60)):
        script.turn(script.step(script.editor, result="The file was updated."))


def _read_after_edit(script: Script) -> None:
    file = script.mark()
    for _ in range(script.random.randrange(8, 20)):
        script.turn(script.step(script.reader, file))
        script.turn(script.step(script.editor, result="The file was updated."))


def _test_edit_test(script: Script) -> None:
    """The same test with the same failure, and another edit each time."""
    test, failure = script.mark(), script.mark()
    for _ in range(script.random.randrange(6, 16)):
        script.turn(script.step(script.shell, test, script.random.choice((FAILED, UNKNOWN)), failure))
        script.turn(script.step(script.editor, result="The file was updated."))


def _pages(script: Script) -> None:
    for _ in range(script.random.randrange(10, 40)):
        script.turn(script.step("mcp__github__list_issues"))


def _sent_again(script: Script) -> None:
    """Answers that were lost on their way: the same request again, whose results are known already."""
    for _ in range(10):
        asked = script.mark()
        script.call((Turn(script.calls[-1].call_id, (script.step(script.reader),), CENT),), asked=asked)
        for _ in range(script.random.randrange(0, 3)):
            again = script.calls[-1]
            script.call(asked=asked)
            script.calls[-1] = replace(script.calls[-1], carries_results=True, turns=(), who=again.who)


def _sub_agents(script: Script) -> None:
    """A dozen that start with the same steps, side by side, and tell no id."""
    task, look, tree = script.mark(), script.mark(), script.mark()
    began = [script.call(asked=task, overlaps=True) for _ in range(12)]
    for _ in range(3):
        began = [script.turn(script.step(script.shell, look, OK, tree), parent=call) for call in began]
        look, tree = script.mark(), script.mark()


def _samples(script: Script) -> None:
    asked = script.mark()
    for _ in range(24):
        script.call(asked=asked, overlaps=True)


def _flaky_network(script: Script) -> None:
    for _ in range(5):
        asked = script.mark()
        for _ in range(script.random.randrange(1, 4)):
            script.turn(script.step(script.shell, asked, FAILED))
        script.turn(script.step(script.shell, asked))


def _finding_out(script: Script) -> None:
    for _ in range(4):
        for _ in range(script.random.randrange(2, 6)):
            script.turn(script.step(script.shell, outcome=FAILED))
        script.turn(script.step(script.shell))


def _compacted(script: Script) -> None:
    """The same files read again once the history was summed up."""
    files = [(script.mark(), script.mark()) for _ in range(6)]
    for _ in range(4):
        script.call()
        for file, text in files:
            script.turn(script.step(script.reader, file, OK, text))


def _with_notes(script: Script) -> None:
    for _ in range(12):
        script.turn(script.step("TodoWrite", result="Todos have been modified."))
        script.work(1)


def _checks(script: Script) -> None:
    checks = [(script.mark(), script.mark()) for _ in range(3)]
    for _ in range(8):
        for asked, result in checks:
            script.turn(script.step(script.shell, asked, OK, result))
        script.turn(script.step(script.editor))


def _asked_twice(script: Script) -> None:
    asked, result = script.mark(), script.mark()
    for _ in range(8):
        for _ in range(script.random.randrange(1, 4)):
            script.turn(script.step(script.shell, asked, OK, result))
        script.work(2)


def _parallel_reads(script: Script) -> None:
    for _ in range(20):
        script.turn(*(script.step(script.reader, outcome=script.random.choice((OK, OK, FAILED))) for _ in range(5)))


def _long_session(script: Script) -> None:
    script.work(250)


HEALTHY: dict[str, Callable[[Script], None]] = {
    "polls a build whose output changes": _changing_poll,
    "polls once a minute": _slow_poll,
    "waits with a tool for it": _waiting_tool,
    "one tool on many files": _many_files,
    "reads again after each edit": _read_after_edit,
    "tests, edits, tests": _test_edit_test,
    "turns pages": _pages,
    "sends again what was not answered": _sent_again,
    "a dozen like sub-agents": _sub_agents,
    "samples one prompt side by side": _samples,
    "a network that fails at times": _flaky_network,
    "tries commands until one works": _finding_out,
    "reads again after compaction": _compacted,
    "keeps a list of things to do": _with_notes,
    "lint, types, tests after each edit": _checks,
    "asks twice or thrice": _asked_twice,
    "reads five files at once": _parallel_reads,
    "works on for long": _long_session,
}


def healthy_traces() -> Iterator[tuple[str, Trace]]:
    """Traces without a loop."""
    for number, (name, write) in enumerate(HEALTHY.items()):
        for seed in range(SEEDS):
            script = Script(number * 1_000 + seed)
            script.call()
            script.work(script.random.randrange(3, 30))
            write(script)
            script.work(5)
            yield name, script.trace()
