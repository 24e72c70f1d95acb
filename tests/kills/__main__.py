"""`python -m tests.kills`: a meter is killed (-9) amid its calls again and again, and nothing may be lost."""

import argparse
import sys
from statistics import median

from tests.kills.cycles import Result, run_cycles


def main() -> int:
    """Run the cycles and print what came of them. Status 1 when anything was lost or in a bad state."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = run_cycles(given.cycles, given.clients, given.seed)
    show(result, given.clients)
    return 1 if result.bad else 0


def show(result: Result, clients: int) -> None:
    """The figures."""
    met = ", ".join(f"{count:,} {what}" for what, count in sorted(result.met.items())) or "nothing else"
    back = sorted(result.back_s)
    lines = [
        ("kills", f"{result.cycles:,} under {clients} clients in {result.seconds:.0f} s"),
        ("calls billed", f"{result.calls:,}, ${result.billed_nano_usd / 1e9:,.4f}"),
        ("answered whole", f"{result.answered:,}"),
        ("charged at worst", f"{result.recovered:,} that were on their way when it was killed"),
        ("the cap carries", f"${result.posted_nano_usd / 1e9:,.4f}"),
        ("refused connections", f"{result.met['refused connections']:,}"),
        ("clients met", met),
        ("back within", f"{median(back):.2f} s (median), {back[-1]:.2f} s (longest)"),
        ("lost or bad", f"{len(result.bad)}"),
    ]
    for name, value in lines:
        print(f"{name:<22}{value}")
    for line in result.bad[:20]:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
