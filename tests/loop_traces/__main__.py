"""`python -m tests.loop_traces`: agents' steps, healthy ones and ones with a planted loop, before the loop detection.

The traces are made by code from fixed seeds, in the shapes of real agents: their tools, how they vary their arguments,
how results change, how often things fail, what runs side by side. Printed for each kind of trace: how many, how many
raised an alarm (a note counts as one), and how many calls after its start a planted loop was noted, told and stopped.
A loop starts with the call that asks for the first repetition; a pace and a number of calls with the call that first
passes five times the usual.
"""

from collections.abc import Iterable, Sequence

from tests.loop_traces.healthy import healthy_traces
from tests.loop_traces.judging import Outcome, far_too_much, outcome_of
from tests.loop_traces.planted import planted_traces
from tests.loop_traces.script import SEEDS, Trace

WITHIN = 5


def main() -> int:
    """Print the table. Status 1 when a healthy trace raised an alarm, or a loop was not noted within five calls."""
    _print("trace", "traces", "alarms", ["noted", "told", "stopped"])
    healthy, planted = _judged(healthy_traces()), _judged(planted_traces())
    false_alarms = sum(_alarms(name, found) for name, found in healthy.items())
    late = 0
    for name, found in planted.items():
        alarms = _alarms(name, found, [_span([getattr(one, at) for one in found]) for at in Outcome.__slots__])
        late += len(found) - alarms + sum(one.noted is not None and one.noted > WITHIN for one in found)
    usual = [calls for seed in range(SEEDS) for calls in far_too_much(seed, 4)]
    beyond = [calls for seed in range(SEEDS) for calls in far_too_much(seed, 30)]
    _print("four times its usual pace and calls", 2 * SEEDS, len(usual), [])
    _print("thirty times its usual", 2 * SEEDS, len(beyond), [_span(beyond)])
    late += 2 * SEEDS - len(beyond) + sum(calls > WITHIN for calls in beyond)
    false_alarms += len(usual)
    counts = [sum(map(len, groups.values())) for groups in (healthy, planted)]
    print(f"\n{sum(counts) + 4 * SEEDS} traces: {counts[0] + 2 * SEEDS} healthy, {counts[1] + 2 * SEEDS} planted")
    print(f"{false_alarms} false alarms, {late} loops missed or noted later than after {WITHIN} calls")
    return 1 if false_alarms or late else 0


def _judged(traces: Iterable[tuple[str, Trace]]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for name, trace in traces:
        groups.setdefault(name, []).append(outcome_of(trace))
    return groups


def _alarms(name: str, found: list[Outcome], columns: Sequence[str] = ()) -> int:
    alarms = sum(one.noted is not None for one in found)
    _print(name, len(found), alarms, columns)
    return alarms


def _print(name: str, traces: object, alarms: object, columns: Sequence[str]) -> None:
    print(f"{name:<38}{traces!s:>7}{alarms!s:>8}" + "".join(f"{column:>10}" for column in columns))


def _span(calls: Sequence[int | None]) -> str:
    known = [one for one in calls if one is not None]
    if len(known) < len(calls):
        return f"{len(known)} of {len(calls)}"
    return f"{min(known)} to {max(known)}" if min(known) < max(known) else str(max(known))


if __name__ == "__main__":
    raise SystemExit(main())
