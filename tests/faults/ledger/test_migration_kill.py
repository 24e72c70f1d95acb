"""A migration that is killed at any of its statements leaves the ledger as it was before, or as it is after."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.ledger.backups import list_backups
from app.ledger.engine import open_ledger
from app.ledger.migrations import MIGRATIONS
from tests.faults.cells import cell

ROOT = Path(__file__).parents[3]
NEWEST = len(MIGRATIONS)

EXPECTED = "killed at any statement: the schema of before or of after, the backup whole, and the next start goes on"


@cell("F38", "killed", "at each statement of a migration", "the old ledger or the new one, and a whole backup")
@pytest.mark.skipif(sys.platform == "win32", reason="children are forked")
@pytest.mark.parametrize(
    "version", [pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow), NEWEST - 2]
)
def test_a_migration_killed_at_each_statement_is_done_or_not_begun(tmp_path: Path, version: int) -> None:
    command = [sys.executable, "-m", "tests.faults.ledger.migration_kills", str(tmp_path), str(version)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=110)
    files = json.loads(done.stdout)
    assert len(files) > NEWEST - version, "killed once at least for each migration"
    seen = set()
    for name in files:
        path = Path(name)
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            assert (tables > 0) == (found > 0)
        assert found in (version, NEWEST), EXPECTED
        seen.add(found)
        open_ledger(path).close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        for backup in list_backups(path):
            with closing(sqlite3.connect(backup.file)) as connection:
                assert connection.execute("PRAGMA user_version").fetchone() == (version,)
    assert seen == {version, NEWEST}
