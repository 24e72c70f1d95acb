"""Which steps are a loop, and which only look like one."""

from dataclasses import replace

import pytest

from app.core.loops import (
    DEFAULT_LEVELS,
    Finding,
    LoopKind,
    LoopLevel,
    LoopRules,
    Step,
    Turn,
    loop_sentence,
    loop_words,
)
from app.core.tool_call import ToolOutcome
from app.insight.loop_memory import LoopMemory
from app.insight.loops import far_faster, far_more_calls, loops_in, median, same_requests
from tests.loop_traces.healthy import HEALTHY, healthy_traces
from tests.loop_traces.judging import far_too_much, outcome_of
from tests.loop_traces.planted import PLANTED, planted_traces

HEALTHY_TRACES, PLANTED_TRACES = list(healthy_traces()), list(planted_traces())
DOLLAR = 1_000_000_000
OK = ToolOutcome.SUCCEEDED


def turns(count: int, *, tool: str = "Bash", outcome: ToolOutcome = ToolOutcome.FAILED) -> list[Turn]:
    return [Turn(f"call-{at}", (Step(tool, "same", outcome, "same"),), 10_000_000) for at in range(count)]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_agent_raises_no_alarm(name: str) -> None:
    found = [outcome_of(trace) for kind, trace in HEALTHY_TRACES if kind == name]
    assert [one.noted for one in found] == [None] * 12


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_loop_is_noted_within_five_calls_and_stopped_later(name: str) -> None:
    found = [outcome_of(trace) for kind, trace in PLANTED_TRACES if kind == name]
    assert len(found) == 12
    for one in found:
        assert 1 <= (one.noted or 0) <= 5
        assert (one.noted or 0) <= (one.told or 0) < (one.stopped or 0)


def test_there_are_at_least_two_hundred_traces() -> None:
    assert len(HEALTHY_TRACES) + len(PLANTED_TRACES) >= 200


@pytest.mark.parametrize("seed", range(6))
def test_four_times_the_usual_is_no_alarm_and_thirty_times_is_one_at_once(seed: int) -> None:
    assert far_too_much(seed, 4) == []
    assert [calls in range(6) for calls in far_too_much(seed, 30)] == [True, True]


def test_a_finding_says_what_repeats_how_often_and_what_it_cost() -> None:
    (found,) = loops_in(turns(12))
    assert (found.kind, found.level, found.count) == (LoopKind.FAILING, LoopLevel.PAUSE, 12)
    assert found.cost_nano_usd == 110_000_000  # without the first: that was no repetition yet
    assert loop_words(found) == "Bash with the same arguments, failed 12 times"
    assert loop_sentence(found) == "Bash was called with the same arguments 12 times in a row and failed each time."


def test_a_cycle_is_the_same_one_at_each_of_its_steps() -> None:
    steps = [Step(tool, "a", ToolOutcome.SUCCEEDED, tool) for tool in ("Read", "Grep", "Glob")]
    whole = [Turn(f"call-{at}", (steps[at % 3],)) for at in range(18)]
    found = [loops_in(whole[:end]) for end in range(10, 18)]
    assert len({one.mark for (one,) in found}) == 1
    assert loop_words(found[-1][0]) == "Read, Grep and Glob in the same order, 5 times"


def test_a_tool_that_keeps_notes_hides_no_loop_and_can_be_in_one_itself() -> None:
    memory, call = LoopMemory(), PLANTED_TRACES[0][1].calls[5]
    noted = [turn for one in turns(8) for turn in (one, Turn(one.call_id + "n", (Step("TodoWrite", one.call_id, OK),)))]
    (found,) = memory.take(replace(call, turns=tuple(noted)))
    assert found.count == 8
    assert loops_in(turns(6, tool="TodoWrite", outcome=OK))[0].tools == ("TodoWrite",)


def test_what_was_not_seen_equals_nothing() -> None:
    blind = [Turn(f"call-{at}", (Step("Bash", "same", ToolOutcome.UNKNOWN),)) for at in range(30)]
    assert loops_in(blind) == ()


def test_two_tools_of_one_answer_are_counted_each() -> None:
    twins = [Turn(f"call-{at}", (Step("Read", f"{at}", OK, "x"), Step("Bash", "same", OK, "y"))) for at in range(10)]
    (found,) = loops_in(twins)
    assert (found.tools, found.level) == (("Bash",), LoopLevel.PAUSE)


def test_a_loop_in_a_restored_conversation_goes_on_counting() -> None:
    memory, past = LoopMemory(), turns(7)
    carrying = PLANTED_TRACES[0][1].calls[5]
    memory.restore("call-7", carrying.who, past)
    assert memory.knows("call-7")
    last = Turn("call-7", past[0].steps)
    (found,) = memory.take(replace(carrying, call_id="call-8", turns=(last,)))
    assert found.count == 8
    (again,) = memory.take(replace(carrying, call_id="call-8", turns=(last,)))  # the same call, written a second time
    assert again.count == 8


def test_the_memory_keeps_no_more_calls_than_it_was_told() -> None:
    memory = LoopMemory(calls_kept=3)
    for trace in (trace for _, trace in HEALTHY_TRACES[:1]):
        for call in trace.calls:
            memory.take(call)
        assert [memory.knows(call.call_id) for call in trace.calls[-4:]] == [False, True, True, True]


def test_rules_weaken_and_strengthen_what_a_loop_leads_to() -> None:
    watched = LoopRules({**DEFAULT_LEVELS, LoopKind.REPEAT: LoopLevel.NOTE, LoopKind.FAILING: LoopLevel.BLOCK})
    assert watched.level_of(LoopKind.REPEAT, LoopLevel.PAUSE) is LoopLevel.NOTE
    assert watched.level_of(LoopKind.FAILING, LoopLevel.PAUSE) is LoopLevel.BLOCK
    assert watched.level_of(LoopKind.FAILING, LoopLevel.ALERT) is LoopLevel.ALERT
    assert watched.level_of(LoopKind.REQUEST, LoopLevel.PAUSE) is LoopLevel.ALERT
    assert LoopRules({LoopKind.CYCLE: LoopLevel.OFF}).level_of(LoopKind.CYCLE, LoopLevel.NOTE) is LoopLevel.OFF


def test_without_history_nothing_is_far_above_the_usual() -> None:
    assert (median([5] * 9), median([1] * 5 + [9] * 5)) == (None, 1)
    assert (far_faster(100 * DOLLAR, None), far_more_calls(9_000, None, "")) == (None, None)
    assert (far_faster(DOLLAR - 1, 1), far_more_calls(99, 1, "")) == (None, None)
    assert far_faster(50 * DOLLAR, DOLLAR) == Finding(LoopKind.PACE, LoopLevel.PAUSE, 50, "", (), 50 * DOLLAR, DOLLAR)
    assert same_requests(3, "m", None) is None


def test_a_tools_long_name_loses_its_middle() -> None:
    found = Finding(LoopKind.ERRORS, LoopLevel.NOTE, 1_234, "m", ("mcp__" + "long_" * 20 + "tool",))
    assert loop_words(found) == "mcp__long_long_long_long_l…ng_long_tool failed 1,234 times in a row"
