"""All guards, by what they guard, and the page that lists them with what came of the last trial."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.guards import heads, ledger, life, money, streams, walls, wire
from tests.guards.guard import Guard

SECTIONS: Mapping[str, tuple[Guard, ...]] = {
    "Requests that can be read in two ways": heads.GUARDS,
    "What comes over the wire": wire.GUARDS,
    "What bodies and streams unfold to": streams.GUARDS,
    "Who may speak and see": walls.GUARDS,
    "Money": money.GUARDS,
    "The ledger": ledger.GUARDS,
    "The meter's life": life.GUARDS,
}
GUARDS = tuple(guard for guards in SECTIONS.values() for guard in guards)
PAGE = Path(__file__).parents[2] / "resources" / "docs" / "guards.md"

_HEAD = """# What keeps harm off, and the test that notices when it is gone

Made by `python -m tests.guards`. It takes each guard out of a copy of the checkout, one at a time, and runs the tests
that stand beside it: they pass with the guard, and each fails without. With words, only guards that have them in their
names or files are tried.

Mistakes in the protocol by which money is held are tried apart: `tests/model`, 17 of them. What is done when things go
wrong is in [What breaks, and what Bursar does then](faults.md).

{count} guards.
"""
_COLUMNS = "| guard | stands in | noticed by | last result |\n|---|---|---|---|\n"
_ROW = re.compile(r"\| (?P<name>.+?) \| `.+?` \| .+? \| (?P<result>.+?) \|")
NOT_TRIED = "not tried"


def written(results: Mapping[str, str]) -> str:
    """The page, with the result of each guard by its name."""
    parts = [_HEAD.format(count=len(GUARDS))]
    for title, guards in SECTIONS.items():
        parts.append(f"\n## {title}\n\n{_COLUMNS}")
        parts += [_row(guard, results.get(guard.name, NOT_TRIED)) for guard in guards]
    return "".join(parts)


def _row(guard: Guard, result: str) -> str:
    tests = ", ".join(f"`{re.sub(r'\[.*', '', test)}`" for test in guard.tests)
    return f"| {guard.name} | `{guard.file}` | {tests} | {result} |\n"


def results_in(page: str) -> dict[str, str]:
    """What a written page tells of each guard."""
    rows = (_ROW.fullmatch(line) for line in page.splitlines())
    return {row["name"]: row["result"] for row in rows if row is not None and row["name"] != "guard"}
