"""What a series of slices tells: each is short and holds a few calls of every target, so all saw the same machine.

Differences and ratios are made within a slice and the median of them is told: a moment in which the machine did
something else spoils some slices and not the figure.
"""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SLICES_A_TAIL = 5
"""How many slices are put together for one p99."""


@dataclass(slots=True)
class Slices:
    """Milliseconds of each call by target, slice by slice. The first target is direct, the second bare mitmproxy."""

    targets: Sequence[str]
    taken: list[dict[str, list[float]]] = field(default_factory=list)

    def middle(self, target: str) -> float:
        """The median over all slices of a target's median."""
        return statistics.median(statistics.median(one[target]) for one in self.taken)

    def added(self, target: str, quantile: float = 0.5) -> float:
        """The median over all slices of what a target adds to direct, at a quantile."""
        return statistics.median(self._added(one, target, quantile) for one in self._blocks(quantile))

    def ratio(self, target: str, quantile: float = 0.5) -> float | None:
        """The median over all slices of a target's share of what bare mitmproxy adds; None where that adds nothing."""
        pairs = [
            (self._added(one, target, quantile), self._added(one, self.targets[1], quantile))
            for one in self._blocks(quantile)
        ]
        ratios = [own / bare for own, bare in pairs if bare > 0]
        return statistics.median(ratios) if ratios else None

    def _added(self, one: dict[str, list[float]], target: str, quantile: float) -> float:
        return _quantile(one[target], quantile) - _quantile(one[self.targets[0]], quantile)

    def _blocks(self, quantile: float) -> list[dict[str, list[float]]]:
        """The slices; for a tail, several put together."""
        if quantile <= 0.5:
            return self.taken
        groups = [self.taken[start : start + SLICES_A_TAIL] for start in range(0, len(self.taken), SLICES_A_TAIL)]
        return [{name: [ms for one in group for ms in one[name]] for name in self.targets} for group in groups]


def _quantile(values: list[float], quantile: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * quantile))]


def processes(pid: int) -> list[int]:
    """A process and those that it has begun itself."""
    begun = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(int(child) for child in begun)]


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process and those it has begun have used."""
    ticks = 0
    for each in processes(pid):
        fields = Path(f"/proc/{each}/stat").read_text("ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """MiB of memory that they have in use; what several share is shared out among them."""
    kib = 0
    for each in processes(pid):
        rollup = Path(f"/proc/{each}/smaps_rollup").read_text("ascii").splitlines()
        kib += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return kib / 1024
