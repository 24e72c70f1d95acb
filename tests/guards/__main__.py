"""Take each guard out and see that its test notices: `python -m tests.guards [WORDS]`, some ten minutes for all.

With words, only the guards whose names or files have all of them. `--no-run` only brings the page up to date. Exit
status 1 when a test fails with its guard or passes without.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.guards.guard import Guard
from tests.guards.table import GUARDS, PAGE, results_in, written
from tests.guards.trial import tried


def main(arguments: Sequence[str]) -> int:
    """Try the guards, print what came of each, and write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.guards", description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--no-run", action="store_true")
    given = parser.parse_args(arguments)
    meant = [guard for guard in GUARDS if _is_meant(guard, given.words)]
    if not meant:
        parser.error("no guard has all of these words")
    came = {} if given.no_run else run(meant)
    before = results_in(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    PAGE.write_text(written(before | came), "utf-8")
    return 1 if any(result.startswith("failed") for result in came.values()) else 0


def run(guards: Sequence[Guard]) -> dict[str, str]:
    """The result of each, by its name."""
    began, today, results = time.monotonic(), datetime.now(UTC).date(), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="guards-") as folder:
        for verdict in tried(guards, Path(folder)):
            results[verdict.guard.name] = f"{'failed' if verdict.trouble else 'proven'} {today}"
            print(f"{'FAILED' if verdict.trouble else 'proven'}  {verdict.guard.name}", flush=True)
            if verdict.trouble:
                print(f"        {verdict.trouble}", flush=True)
    failed = sum(result.startswith("failed") for result in results.values())
    print(f"{len(results) - failed} of {len(results)} guards proven in {time.monotonic() - began:.0f} s")
    return results


def _is_meant(guard: Guard, words: Sequence[str]) -> bool:
    return all(word.lower() in f"{guard.name} {guard.file}".lower() for word in words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
