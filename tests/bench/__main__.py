"""What the meter costs in time: `python -m tests.bench [--quick]`.

Direct, bare `mitmdump -q` and Bursar by either of its lanes take turns in short slices within one run, so that all see
the same machine.
`added` is what a target's quantile has on top of the direct one, `ratio` its share of what bare mitmproxy adds,
each made within a slice; the medians are told. Read the ratios; the milliseconds are this machine's.
"""

import argparse
import asyncio
import operator
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.figures import SLICES_A_TAIL, Slices, cpu_s, memory_mib
from tests.bench.load import Bodies, Connection, Conversation, Target, Timings
from tests.bench.shares import shares_of
from tests.bench.targets import running_targets

BODIES: Mapping[str, Callable[[], Bodies]] = {
    "2 KB": partial(Bodies, 2_000),
    "50 KB": partial(Bodies, 50_000),
    "400 KB": partial(Bodies, 400_000),
    "400 KB in 400 turns": partial(Conversation, 400_000),
}
STREAMS = {"20 events, 5 ms apart": (20, 5), "500 events at once": (500, 0)}
CLIENTS = (1, 16, 64)
WARM_UP_CALLS = 100
CALLS_A_SLICE = 20
CALLS_A_ROUND = 320
MEMORY_EVERY = 10_000
console = Console(width=118)


def main() -> None:
    """Run all tables, or see to the memory alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the slices: under a minute")
    parser.add_argument("--floor", action="store_true", help="only what of it is the price of a durable hold")
    parser.add_argument("--memory", type=int, metavar="CALLS", help="only Bursar's memory, every 10,000 calls")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    times = 1 if given.quick else 5
    with tempfile.TemporaryDirectory() as home, running_targets(Path(home), is_floor=given.floor) as (targets, _ledger):
        if given.memory:
            asyncio.run(_memory(targets[-1], given.memory))
        else:
            asyncio.run(_measure_floor(targets, times) if given.floor else _measure(targets, times))
    if not (given.memory or given.floor):
        with tempfile.TemporaryDirectory() as home:
            _shares(Path(home), 200 if given.quick else 1_000)


async def _measure(targets: Sequence[Target], times: int) -> None:
    async with AsyncExitStack() as stack:
        kept = await _warm(stack, targets)
        await _latencies(targets, kept, times * 3 * SLICES_A_TAIL, BODIES)
        await _streams(targets, kept, times * 4, STREAMS)
    await _throughputs(targets, times * 2)
    console.print("Memory: " + ", ".join(f"{target.name} {memory_mib(target.pid):.0f} MiB" for target in targets))


async def _measure_floor(targets: Sequence[Target], times: int) -> None:
    """Each rung has what those before it have."""
    body, stream = next(iter(BODIES)), next(iter(STREAMS))
    async with AsyncExitStack() as stack:
        kept = await _warm(stack, targets)
        await _latencies(targets, kept, times * 3 * SLICES_A_TAIL, {body: BODIES[body]})
        await _streams(targets, kept, times * 4, {stream: STREAMS[stream]})


async def _warm(stack: AsyncExitStack, targets: Sequence[Target]) -> dict[str, Connection]:
    """A connection to each, on which calls have been made."""
    kept = {target.name: await stack.enter_async_context(Connection(target)) for target in targets}
    for target in targets:
        await _calls(kept[target.name], Bodies(2_000), WARM_UP_CALLS)
    return kept


async def _latencies(
    targets: Sequence[Target], kept: dict[str, Connection], rounds: int, kinds: Mapping[str, Callable[[], Bodies]]
) -> None:
    table = _table(
        "One call at a time", "body", "target", "p50 ms", "added", "ratio", "p99 added", "ratio", "CPU s a 1,000"
    )
    for name, made in kinds.items():
        bodies, slices, cpu = made(), Slices([target.name for target in targets]), [0.0] * len(targets)
        for _ in range(rounds):
            taken = {}
            for place, target in enumerate(targets):
                before = cpu_s(target.pid)
                taken[target.name] = await _calls(kept[target.name], bodies, CALLS_A_SLICE)
                cpu[place] += cpu_s(target.pid) - before
            slices.taken.append(taken)
        for target, used in zip(targets, cpu, strict=True):
            ratios = [slices.ratio(target.name, quantile) for quantile in (0.5, 0.99)]
            middle, tail = (f"{slices.added(target.name, quantile):+.2f}" for quantile in (0.5, 0.99))
            share, tail_share = ("" if ratio is None else f"{ratio:.2f}x" for ratio in ratios)
            whole, spent = f"{slices.middle(target.name):.2f}", f"{used * 1000 / rounds / CALLS_A_SLICE:.2f}"
            table.add_row(name, target.name, whole, middle, share, tail, tail_share, spent)
    console.print(table)


async def _throughputs(targets: Sequence[Target], rounds: int) -> None:
    shares = (f"{target.name}, of mitmdump" for target in targets[2:])
    table = _table("Calls a second, 2 KB", "clients", *(target.name for target in targets), *shares)
    bodies = Bodies(2_000)
    for clients in CLIENTS:
        rates: dict[str, list[float]] = {target.name: [] for target in targets}
        async with AsyncExitStack() as stack:
            kept = {
                target.name: [await stack.enter_async_context(Connection(target)) for _ in range(clients)]
                for target in targets
            }
            for _ in range(rounds):
                for name, connections in kept.items():
                    rates[name].append(await _rate(connections, bodies))
        bare, *own = list(rates.values())[1:]
        told = [f"{statistics.median(rate):,.0f}" for rate in rates.values()]
        told += [f"{statistics.median(map(operator.truediv, rate, bare)):.2f}x" for rate in own]
        table.add_row(str(clients), *told)
    console.print(table)


async def _rate(kept: list[Connection], bodies: Bodies) -> float:
    """Calls a second over these connections at once."""
    each, started = max(4, CALLS_A_ROUND // len(kept)), time.perf_counter()
    await asyncio.gather(*(_calls(connection, bodies, each) for connection in kept))
    return len(kept) * each / (time.perf_counter() - started)


async def _streams(
    targets: Sequence[Target], kept: dict[str, Connection], rounds: int, streams: Mapping[str, tuple[int, int]]
) -> None:
    table = _table(
        "Streams", "stream", "target", "first event ms", "added", "event lag p50", "added", "p99", "whole ms"
    )
    for name, (events, gap_ms) in streams.items():
        timings = {target.name: Timings() for target in targets}
        bodies = Bodies(2_000, is_stream=True)
        for _ in range(rounds):
            for target in targets:
                for _ in range(3):
                    await kept[target.name].stream(bodies.next(), events, gap_ms, timings[target.name])
        first, lag, _ = _of_stream(timings[targets[0].name])
        for target in targets:
            own_first, own_lag, tail = _of_stream(timings[target.name])
            values = (f"{own_first:.2f}", f"{own_first - first:+.2f}", f"{own_lag:.2f}", f"{own_lag - lag:+.2f}")
            table.add_row(
                name, target.name, *values, f"{tail:.2f}", f"{statistics.median(timings[target.name].calls):.2f}"
            )
    console.print(table)


def _of_stream(taken: Timings) -> tuple[float, float, float]:
    """To the first event, and the median and p99 of an event's lag, in milliseconds."""
    lags = statistics.quantiles(taken.lags, n=100)
    return statistics.median(taken.first_events), lags[49], lags[98]


async def _memory(target: Target, calls: int) -> None:
    """What the meter has in use after each ten thousand calls, 16 at a time."""
    bodies, clients = Bodies(2_000), 16
    async with AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(Connection(target)) for _ in range(clients)]
        for done in range(0, calls, MEMORY_EVERY):
            used = cpu_s(target.pid)
            await asyncio.gather(*(_calls(one, bodies, MEMORY_EVERY // clients) for one in kept))
            spent = (cpu_s(target.pid) - used) / MEMORY_EVERY * 1000
            console.print(
                f"{done + MEMORY_EVERY:>9,} calls: {memory_mib(target.pid):6.1f} MiB, {spent:.2f} ms CPU a call"
            )


def _shares(home: Path, calls: int) -> None:
    table = _table("Where Bursar's own time goes, without the wire, 2 KB", "part", "CPU ms a call", "share")
    parts = shares_of(home, calls)
    whole = sum(parts.values())
    for name, ms in parts.items():
        table.add_row(name, f"{ms:.3f}", f"{ms / whole:.0%}")
    console.print(table)


async def _calls(connection: Connection, bodies: Bodies, count: int) -> list[float]:
    return [await connection.call(bodies.next()) for _ in range(count)]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 or column == "target" else "right")
    return table


if __name__ == "__main__":
    main()
