"""`python -m tests.race`: agents race one another to the last cent of a cap, and the provider's own bill is printed."""

import argparse
from decimal import Decimal

from app.core.money import NANO_PER_USD
from tests.race.contest import Result, Rules, race
from tests.race.trades import TRADES


def main() -> int:
    """Run one race and print its figures. Status 1 when the cap did not hold or a refusal was unfounded."""
    rules = _rules()
    result = race(rules)
    _print(rules, result)
    return 1 if result.overshoot_nano_usd or result.unfounded or result.unended or result.held_nano_usd else 0


def _rules() -> Rules:
    parser = argparse.ArgumentParser(prog="python -m tests.race", description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--cap", type=Decimal, default=Decimal(5), help="in US dollars")
    parser.add_argument("--processes", type=int, default=4, help="how many the agents are spread over")
    parser.add_argument("--meters", type=int, default=1, help="meters on the one ledger")
    parser.add_argument("--trade", choices=sorted(TRADES), default="small", help="wide: a 32k limit, little used")
    parser.add_argument("--output-limit", type=int, default=0, help="tokens; 0 is the trade's own")
    parser.add_argument("--kill", nargs="?", type=int, const=1, default=0, metavar="TIMES", help="kill -9 a meter")
    parser.add_argument("--seconds", type=float, default=300, help="when agents give up")
    given = parser.parse_args()
    return Rules(
        given.agents, int(given.cap * NANO_PER_USD), given.processes, given.meters, given.trade,
        given.output_limit or {"small": 600, "wide": 32_000}[given.trade], given.kill, given.seconds,
    )  # fmt: skip


def _print(rules: Rules, result: Result) -> None:
    lines = [
        ("agents", f"{rules.agents} over {rules.processes} processes, {rules.meters} meter(s), {result.kills} kill -9"),
        ("cap", f"${_usd(result.cap_nano_usd)}"),
        ("provider's own bill", f"${_usd(result.billed_nano_usd)} for {result.calls} calls"),
        ("overshoot", f"${_usd(result.overshoot_nano_usd)}"),
        ("share of the cap used", f"{result.used:.2%}"),
        (
            "charged, not billed",
            f"${_usd(result.posted_nano_usd - result.billed_nano_usd)} (cut off by a kill: at worst)",
        ),
        ("ledger: posted, held", f"${_usd(result.posted_nano_usd)}, ${_usd(result.held_nano_usd)}"),
        ("refusals", ", ".join(f"{count} {kind}" for kind, count in sorted(result.refusals.items())) or "none"),
        ("unfounded as exhausted", str(len(result.unfounded))),
        ("broken connections", f"{result.broken}; agents without an end: {result.unended}"),
        ("admission p50, p99", f"{result.admission(50) * 1000:.0f} ms, {result.admission(99) * 1000:.0f} ms"),
        ("duration", f"{result.seconds:.1f} s, {result.calls / result.seconds:.0f} calls/s"),
    ]
    for name, value in lines:
        print(f"{name:<24}{value}")
    for line in result.unfounded[:5]:
        print(f"  unfounded: {line}")


def _usd(nano_usd: int) -> str:
    return f"{Decimal(nano_usd) / NANO_PER_USD:.6f}"


if __name__ == "__main__":
    raise SystemExit(main())
