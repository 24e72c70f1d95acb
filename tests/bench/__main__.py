"""What the meter costs in time: `python -m tests.bench [--quick]`.

Direct, bare `mitmdump -q` and Bursar take turns in short rounds within one run, so that all three see the same machine.
`added` is a target's quantile minus the direct one's, `ratio` is its share of what bare mitmproxy adds. Read the
ratios; the milliseconds are this machine's.
"""

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.load import Connection, Target, Timings, body_of
from tests.bench.targets import running_targets

SIZES = {"2 KB": 2_000, "50 KB": 50_000, "400 KB": 400_000}
STREAMS = {"20 events, 5 ms apart": (20, 5), "500 events at once": (500, 0)}
CLIENTS = (1, 16, 64)
WARM_UP_CALLS = 50
console = Console(width=110)


def main() -> None:
    """Run all tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds: under a minute")
    rounds = 4 if parser.parse_args().quick else 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as home, running_targets(Path(home)) as (targets, _ledger):
        asyncio.run(_measure(targets, rounds))


async def _measure(targets: Sequence[Target], rounds: int) -> None:
    for target in targets:
        await _calls(target, body_of(2_000), WARM_UP_CALLS)
    await _latencies(targets, rounds)
    await _throughputs(targets, rounds)
    await _streams(targets, rounds)
    console.print("Memory: " + ", ".join(f"{target.name} {_memory_mib(target.pid):.0f} MiB" for target in targets))


async def _latencies(targets: Sequence[Target], rounds: int) -> None:
    table = _table(
        "One call at a time", "body", "target", "p50 ms", "added", "ratio", "p99 ms", "added", "ratio", "CPU ms a call"
    )
    for name, size in SIZES.items():
        body = body_of(size)
        taken: dict[str, list[float]] = {target.name: [] for target in targets}
        cpu = dict.fromkeys(taken, 0.0)
        for _ in range(rounds):
            for target in targets:
                before = _cpu_s(target.pid)
                taken[target.name] += await _calls(target, body, 25)
                cpu[target.name] += _cpu_s(target.pid) - before
        middles = {key: statistics.median(values) for key, values in taken.items()}
        tails = {key: statistics.quantiles(values, n=100)[98] for key, values in taken.items()}
        for target in targets:
            cells = [*_compared(target, targets, middles), *_compared(target, targets, tails)]
            table.add_row(name, target.name, *cells, f"{cpu[target.name] * 1000 / len(taken[target.name]):.2f}")
    console.print(table)


async def _throughputs(targets: Sequence[Target], rounds: int) -> None:
    table = _table("Calls a second, 2 KB", "clients", *(target.name for target in targets), "Bursar of mitmdump")
    body = body_of(2_000)
    for clients in CLIENTS:
        rates: dict[str, list[float]] = {target.name: [] for target in targets}
        for _ in range(max(2, rounds // 4)):
            for target in targets:
                started = time.perf_counter()
                await asyncio.gather(*(_calls(target, body, max(4, 200 // clients)) for _ in range(clients)))
                rates[target.name].append(clients * max(4, 200 // clients) / (time.perf_counter() - started))
        middle = [statistics.median(rates[target.name]) for target in targets]
        table.add_row(str(clients), *(f"{rate:,.0f}" for rate in middle), f"{middle[2] / middle[1]:.2f}x")
    console.print(table)


async def _streams(targets: Sequence[Target], rounds: int) -> None:
    table = _table("Streams", "stream", "target", "first event ms", "added", "event lag p50 ms", "p99 ms", "whole ms")
    for name, (events, gap_ms) in STREAMS.items():
        timings = {target.name: Timings() for target in targets}
        body = body_of(2_000, is_stream=True)
        for _ in range(rounds):
            for target in targets:
                async with Connection(target) as connection:
                    for _ in range(3):
                        await connection.stream(body, events, gap_ms, timings[target.name])
        direct = statistics.median(timings[targets[0].name].first_events)
        for target in targets:
            taken = timings[target.name]
            first = statistics.median(taken.first_events)
            lags = statistics.quantiles(taken.lags, n=100)
            shown = (first, lags[49], lags[98], statistics.median(taken.calls))
            first_ms, *others = (f"{value:.2f}" for value in shown)
            table.add_row(name, target.name, first_ms, f"{first - direct:+.2f}", *others)
    console.print(table)


async def _calls(target: Target, body: bytes, count: int) -> list[float]:
    async with Connection(target) as connection:
        return [await connection.call(body) for _ in range(count)]


def _compared(target: Target, targets: Sequence[Target], values: dict[str, float]) -> tuple[str, str, str]:
    direct, bare = values[targets[0].name], values[targets[1].name]
    own = values[target.name]
    ratio = f"{(own - direct) / (bare - direct):.2f}x" if bare > direct else ""
    return f"{own:.2f}", f"{own - direct:+.2f}", ratio


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 or column == "target" else "right")
    return table


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
