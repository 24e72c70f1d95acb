"""Migrates ledgers and kills itself at each statement: `python -m tests.faults.ledger.migration_kills FOLDER VERSION`.

Prints the files, as JSON. A process of its own with one thread, since it forks.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from app.ledger import migrations
from app.ledger.engine import open_ledger

MOST = 400


def main() -> None:
    folder, version = Path(sys.argv[1]), int(sys.argv[2])
    old = folder / "old" / "ledger.sqlite"
    newest = migrations.MIGRATIONS
    if version:
        migrations.MIGRATIONS = newest[:version]
        open_ledger(old, checkpoints=True).close()
        migrations.MIGRATIONS = newest
    files = []
    for number in range(MOST):
        path = folder / str(number) / "ledger.sqlite"
        path.parent.mkdir(mode=0o700)
        if version:
            shutil.copyfile(old, path)
        files.append(str(path))
        if not was_killed(path, number):
            break
    print(json.dumps(files))


def was_killed(path: Path, number: int) -> bool:
    """Open the ledger in a child that dies before the statement of this number is run."""
    child = os.fork()
    if child == 0:
        left = number

        def before(*_: Any) -> None:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "commit", before)
        open_ledger(path).close()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


if __name__ == "__main__":
    main()
