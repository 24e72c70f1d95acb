"""The audit's process: files in the arguments, one JSON object a row on standard output, complaints on standard error.

Exit status 0 when all was read, 1 when something could not be, 2 for a wrong command.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from proxy_addon.audit.captures import DamagedFile, Unreadable
from proxy_addon.audit.files import read_captures
from proxy_addon.audit.metering import rows_of
from proxy_addon.audit.rows import as_json

INTERRUPTED = 130


def main() -> int:
    """Audit the files named in the arguments. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m proxy_addon.audit", description="Meters captures offline.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--with-reasons", action="store_true", help="add what a row has to say in words")
    given = parser.parse_args()
    logging.getLogger("proxy_addon").addHandler(logging.NullHandler())  # a row tells what the tap would log
    try:
        are_whole = [_audit(file, with_reasons=given.with_reasons) for file in given.files]
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the rows has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if all(are_whole) else 1


def _audit(file: str, *, with_reasons: bool) -> bool:
    """Write the rows of one file. Returns whether all of it could be read."""
    is_whole = True
    try:
        for capture in read_captures(Path(file)):
            if isinstance(capture, Unreadable) and capture.is_damaged:
                is_whole = False
                _tell(file, capture.line, capture.reason)
            for row in rows_of(file, capture):
                sys.stdout.write(as_json(row, with_reason=with_reasons) + "\n")
    except DamagedFile as damage:
        is_whole = False
        _tell(file, damage.line, damage.reason)
    return is_whole


def _tell(file: str, line: int | None, reason: str) -> None:
    where = file if line is None else f"{file}:{line}"
    sys.stdout.flush()
    sys.stderr.write(f"{where} cannot be read\n{reason}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
