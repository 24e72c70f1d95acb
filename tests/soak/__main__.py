"""`python -m tests.soak`: a meter's day in fast motion, its memory and descriptors, and its ledger against the bill."""

import argparse
import sys

from tests.soak.soaking import Result, soak

FLAT_BYTES = 16 * 1024 * 1024
FLAT_FILES = 4


def main() -> int:
    """Run it and print what came of it. Status 1 where anything was wrong or grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--faster", type=float, default=100.0, help="how much faster the meter's clock runs")
    given = parser.parse_args()
    result = soak(given.calls, clients=given.clients, faster=given.faster)
    show(result)
    return 1 if result.bad or result.growth() > FLAT_BYTES or result.more_files() > FLAT_FILES else 0


def show(result: Result) -> None:
    """The figures."""
    lines = [
        ("calls", f"{result.calls:,} in {result.seconds:.0f} s ({result.calls / result.seconds:.0f}/s), "
                  f"{result.days:.1f} days by the meter's clock"),
        ("kinds", f"{len(result.kinds)}; {result.refused:,} refused at a session's cap"),
        ("told by the provider", f"{result.known:,}: billed ${result.known_billed / 1e9:,.6f}, "
                                 f"charged ${result.known_charged / 1e9:,.6f}"),
        ("uncertain", f"{result.uncertain:,}: billed at most ${result.uncertain_billed / 1e9:,.6f}, "
                      f"charged ${result.uncertain_charged / 1e9:,.6f}"),
        ("memory", f"{result.resident[0] >> 20} MB at first, {max(result.resident) >> 20} MB at most, "
                   f"{result.growth() / 2**20:+.1f} MB from the second quarter to the last"),
        ("descriptors", f"{result.open_files[0]} at first, {max(result.open_files)} at most, {result.more_files():+d}"),
        ("wrong", f"{len(result.bad)}"),
    ]  # fmt: skip
    for name, value in lines:
        print(f"{name:<22}{value}")
    for line in result.bad[:20]:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
