from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from app.ledger.engine import Ledger
from app.ledger.statement import Statement, insertion, savepoint
from app.ledger.tables import switches

WRITE = Statement(insert(switches), insertion(switches))
READ = Statement(select(switches).where(switches.c.name == bindparam("of_name")))
AT = datetime(2026, 11, 22, 12, 30, 0, 250, tzinfo=UTC)


def row(name: str, **values: Any) -> dict[str, Any]:
    whole = {"name": name, "is_on": True, "changed_at": AT, "changed_by": "me", "cuts_streams": False}
    return whole | values


def test_values_come_back_as_sqlalchemy_gives_them(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert WRITE.run(connection, row("a")) == 1
        found = READ.first(connection, {"of_name": "a"})
        usual = connection.execute(select(switches)).one()
        assert tuple(found) == tuple(usual)
        assert READ.mappings(connection, {"of_name": "a"}) == [READ.mapping(connection, {"of_name": "a"})]
        assert READ.mapping(connection, {"of_name": "a"}) == dict(usual._mapping)
    assert (found.changed_at, found.is_on) == (AT, True)


def test_what_is_not_there_is_none(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert READ.first(connection, {"of_name": "b"}) is None
        assert READ.mapping(connection, {"of_name": "b"}) is None
        assert READ.value(connection, {"of_name": "b"}) is None
        assert READ.rows(connection, {"of_name": "b"}) == []


def test_an_error_is_sqlalchemys_and_tells_no_value(ledger: Ledger) -> None:
    with ledger.write() as connection:
        WRITE.run(connection, row("secret name"))
        with pytest.raises(IntegrityError) as raised:
            WRITE.run_many(connection, [row("secret name")])
    assert "secret name" not in str(raised.value)


def test_many_rows_are_one_call_and_a_failed_block_is_taken_back(ledger: Ledger) -> None:
    with ledger.write() as connection:
        with pytest.raises(IntegrityError), savepoint(connection):
            WRITE.run_many(connection, [row("a"), row("b"), row("a")])
        with savepoint(connection):
            WRITE.run(connection, row("c"))
    with ledger.read() as connection:
        assert [one.name for one in connection.execute(select(switches))] == ["c"]


def test_reading_begins_one_consistent_picture(ledger: Ledger) -> None:
    with ledger.read() as reading:
        assert READ.first(reading, {"of_name": "a"}) is None
        with ledger.write() as connection:
            WRITE.run(connection, row("a"))
        assert READ.first(reading, {"of_name": "a"}) is None


def test_a_list_of_unknown_length_is_refused(ledger: Ledger) -> None:
    some = Statement(select(switches).where(switches.c.name.in_(bindparam("names", expanding=True))))
    with ledger.read() as connection, pytest.raises(ValueError, match="length"):
        some.rows(connection, {"names": ["a"]})
