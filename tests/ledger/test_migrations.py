import sqlite3
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlmodel import SQLModel

import app.ledger
from app.core.errors import LedgerError
from app.core.origin import MAIN_ORIGIN
from app.core.provider_keys import KeyName
from app.ledger import (
    key_tables,
    migrations,
    tables,
)
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.import_tables import billed_amounts, imported_calls
from app.ledger.provider_key_store import list_provider_keys
from tests.faults.cells import cell


def described(connection: Connection) -> dict[str, Any]:
    """Tables with their columns (kind, nullable, place in the primary key), indexes and unique groups of columns."""

    def ask(statement: str) -> list[Any]:
        return list(connection.exec_driver_sql(statement))

    found: dict[str, Any] = {}
    for (table,) in ask("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
        columns = {
            name: (
                "number" if "INT" in kind else kind.partition("(")[0].replace("VARCHAR", "TEXT"),
                not (full or key),
                key,
            )
            for _, name, kind, full, _, key in ask(f"PRAGMA table_info({table})")
        }
        indexes = set()
        for _, name, is_unique, origin, _ in ask(f"PRAGMA index_list({table})"):
            covered = tuple(row[2] for row in ask(f"PRAGMA index_info({name})"))
            if origin != "pk":
                indexes.add((covered, is_unique, name if origin == "c" else ""))
        found[table] = columns, indexes
    return found


def test_the_schema_of_a_new_ledger_is_that_of_the_tables(ledger: Ledger) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as by_tables, ledger.read() as by_migrations:
        for module in iter_modules(app.ledger.__path__):
            import_module(f"app.ledger.{module.name}")
        SQLModel.metadata.create_all(by_tables)
        assert key_tables.virtual_keys.name in described(by_tables)
        assert described(by_migrations) == described(by_tables)
    engine.dispose()


def test_a_ledger_refuses_a_total_below_nothing(ledger: Ledger) -> None:
    values = {"cap_id": "c", "window_key": "k", "limit_nano_usd": 1, "unpriced_calls": 0}
    for column in ("posted_nano_usd", "held_nano_usd"):
        amounts = {"posted_nano_usd": 0, "held_nano_usd": 0, column: -1}
        with pytest.raises(Exception, match="totals_not_negative"), ledger.write() as connection:
            connection.execute(tables.totals.insert().values(**values, **amounts))


@cell("F38", "newer schema", "at the start", "refused and left untouched")
def test_a_newer_ledger_is_refused_and_left_untouched(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    open_ledger(file, checkpoints=True).close()
    newer = len(migrations.MIGRATIONS) + 1
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    connection.close()
    before = file.read_bytes()

    with pytest.raises(LedgerError, match="newer") as refused:
        open_ledger(file)

    assert f"version {newer}" in refused.value.message
    assert file.read_bytes() == before
    assert not file.with_name("ledger.sqlite-wal").exists()


@cell("F38", "a statement fails", "migration", "nothing is left behind")
def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half_done (x)")
        raise RuntimeError("power cut")

    file = tmp_path / "ledger.sqlite"
    monkeypatch.setattr(migrations, "MIGRATIONS", (migrations.m001_initial, broken))
    with pytest.raises(RuntimeError, match="power cut"):
        open_ledger(file)
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()

    monkeypatch.setattr(migrations, "MIGRATIONS", (migrations.m001_initial,))
    open_ledger(file).close()


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_another_program_is_refused_and_left_untouched(tmp_path: Path, version: int) -> None:
    file = tmp_path / "places.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()

    with pytest.raises(LedgerError, match="not a ledger"):
        open_ledger(file)

    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    connection.close()


def test_what_is_imported_has_tables_of_its_own(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert {imported_calls.name, billed_amounts.name} <= described(connection).keys()


def test_a_key_of_an_older_ledger_is_the_default_of_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ledger.sqlite"
    older = migrations.MIGRATIONS[: migrations.MIGRATIONS.index(migrations.m006_provider_keys)]
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", older)
        open_ledger(file, checkpoints=True).close()
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO provider_keys VALUES ('openai', 1763800000000000)")
    connection.close()

    ledger = open_ledger(file)
    [key] = list_provider_keys(ledger)
    ledger.close()
    assert (key.name, key.is_default, key.tested_at) == (KeyName("openai"), True, None)
    assert key.added_at.year == 2025


def test_calls_of_an_older_ledger_are_of_the_main_conversation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ledger.sqlite"
    older = migrations.MIGRATIONS[: migrations.MIGRATIONS.index(migrations.m008_origins)]
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", older)
        open_ledger(file, checkpoints=True).close()
    texts = ("call_id", "provider", "operation", "request_model", "response_model", "response_id", "error_type")
    payer = ("price_version", "project", "agent", "user_name", "team", "task", "session", "virtual_key_id")
    row = dict.fromkeys(texts + payer, "x") | {
        "started_at": 1763800000000000, "api_shape": "anthropic.messages", "is_stream": 0, "outcome": "completed",
        "charged_nano_usd": 5, "cost_nano_usd": 5, "cost_basis": "table",
    }  # fmt: skip
    with sqlite3.connect(file) as connection:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO calls ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    connection.close()

    ledger = open_ledger(file)
    assert [call.origin for call in recent_calls(ledger)] == [MAIN_ORIGIN]
    ledger.close()
