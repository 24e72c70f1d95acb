"""`python -m tests.team_race`: sidecars race one another to the last cent of a team's cap on a real PostgreSQL."""

import argparse
from decimal import Decimal

from app.core.money import NANO_PER_USD
from tests.team_race.contest import Result, Rules, race


def main() -> int:
    """Run one race and print its figures. Status 1 when the cap did not hold or the ledger is not the bill."""
    parser = argparse.ArgumentParser(prog="python -m tests.team_race", description=__doc__)
    parser.add_argument("--sidecars", type=int, default=20)
    parser.add_argument("--agents", type=int, default=10, help="of each sidecar")
    parser.add_argument("--cap", type=Decimal, default=Decimal(5), help="in US dollars")
    parser.add_argument("--kill", type=int, default=0, metavar="TIMES", help="kill -9 the server")
    parser.add_argument("--seconds", type=float, default=300, help="when agents give up")
    given = parser.parse_args()
    cap = int(given.cap * NANO_PER_USD)
    rules = Rules(given.sidecars, given.agents, cap, given.kill, given.seconds)
    result = race(rules)
    show(rules, result)
    return 0 if result.is_true else 1


def show(rules: Rules, result: Result) -> None:
    """Print what came of it."""
    missing = result.billed.keys() - result.charged.keys()
    wrong = [one for one, cost in result.billed.items() if result.charged.get(one, cost) != cost]
    lines = [
        ("sidecars", f"{rules.sidecars} processes, one connection each, {rules.agents} agents each"),
        ("cap", f"${_usd(result.cap_nano_usd)}; server killed {result.kills} times"),
        ("provider's own bill", f"${_usd(result.billed_nano_usd)} for {len(result.billed)} calls"),
        ("overshoot", f"${_usd(result.overshoot_nano_usd)}"),
        ("share of the cap used", f"{result.billed_nano_usd / result.cap_nano_usd:.2%}"),
        ("ledger: posted, held", f"${_usd(result.posted_nano_usd)}, ${_usd(result.held_nano_usd)}"),
        ("calls lost, doubled", f"{len(missing)}, {len(wrong) + len(result.charged.keys() - result.billed.keys())}"),
        ("deadlocks", str(result.deadlocks)),
        ("refusals", ", ".join(f"{count} {kind}" for kind, count in sorted(result.refusals.items())) or "none"),
        ("asked again", f"{result.broken} times; agents without an end: {result.unended}"),
        ("admission p50, p99", f"{result.admission(50) * 1000:.0f} ms, {result.admission(99) * 1000:.0f} ms"),
        ("round trip p50, p99", f"{result.round_trip(50) * 1000:.0f} ms, {result.round_trip(99) * 1000:.0f} ms"),
        ("duration", f"{result.seconds:.1f} s, {len(result.billed) / result.seconds:.0f} calls/s"),
    ]
    for name, value in lines:
        print(f"{name:<24}{value}")


def _usd(nano_usd: int) -> str:
    return f"{Decimal(nano_usd) / NANO_PER_USD:.6f}"


if __name__ == "__main__":
    raise SystemExit(main())
