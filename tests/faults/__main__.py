"""Try all faults and write the catalogue: `python -m tests.faults [ARGUMENTS OF PYTEST]`.

`--no-run` only brings the table up to date and keeps the results that it has, `--list` prints it. To be run from the
checkout. Ends with pytest's exit code.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.catalogue import TABLE, Outcomes, listed, read, with_cells, written
from tests.faults.cells import MARK


def main(arguments: list[str]) -> int:
    """Run the cells and write what came of them into the table."""
    if arguments == ["--list"]:
        print(written(listed()))
        return 0
    outcomes, code = Outcomes(), 0
    if arguments != ["--no-run"]:
        files = [] if any(Path(one.partition("::")[0]).exists() for one in arguments) else with_cells()
        code = int(pytest.main(["-m", f"{MARK} and not slow", *arguments, *files], plugins=[outcomes]))
    write_table(outcomes)
    return code


def write_table(outcomes: Outcomes) -> None:
    """The cells that there are, each with what came of it now or else before."""
    command = [sys.executable, "-m", "tests.faults", "--list"]  # pytest collects once a process
    there = read(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    before = {one.name: one.result for one in read(TABLE.read_text("utf-8"))} if TABLE.exists() else {}
    told = [replace(one, result=outcomes.told(one) or before.get(one.name, one.result)) for one in there]
    TABLE.write_text(written(told), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
