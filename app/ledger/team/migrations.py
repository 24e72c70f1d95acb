"""The history of the team ledger's schema, as `app.ledger.migrations` is of a laptop's, and its functions and rights.

Tables change by numbered migrations, each applied once and never edited after a release. The functions are put in place
anew by every upgrade, in the transaction of its migrations; a migration drops one whose arguments change.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from app.core.errors import TeamRefused
from app.ledger.team import (
    cap_functions,
    hold_functions,
    lease_functions,
    matching_functions,
    question_functions,
    reading_functions,
    reserve_function,
    rights,
    schema,
    settle_functions,
    time_functions,
    window_functions,
)

_FUNCTIONS = (
    *time_functions.FUNCTIONS,
    *matching_functions.FUNCTIONS,
    *hold_functions.FUNCTIONS,
    *window_functions.FUNCTIONS,
    *reserve_function.FUNCTIONS,
    *lease_functions.FUNCTIONS,
    *settle_functions.FUNCTIONS,
    *cap_functions.FUNCTIONS,
    *question_functions.FUNCTIONS,
    *reading_functions.FUNCTIONS,
)
_READ_BY_READER = (
    lease_functions.LEASES,
    question_functions.QUESTIONS,
    reading_functions.SPEND,
    reading_functions.MOVE_OUT,
)


def m001_initial(connection: Connection) -> None:
    """Members, caps and their totals, what is held, calls, alerts, raises, questions, leases."""
    _run(connection, schema.TABLES)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m001_initial,)
VERSION = len(MIGRATIONS)


def upgrade(connection: Connection) -> None:
    """Bring a team's database to this version, in the transaction at hand, as an administrator. Raises TeamRefused for
    a newer one."""
    _run(connection, (*rights.ROLES, *rights.BECOME_OWNER))
    found = connection.exec_driver_sql("SELECT to_regclass('bursar.versions') IS NOT NULL").scalar_one()
    if not found:
        _run(connection, (f"CREATE SCHEMA IF NOT EXISTS bursar AUTHORIZATION {rights.OWNER}",))
        as_role(connection, rights.OWNER)
        _run(
            connection, ("CREATE TABLE bursar.versions (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)",)
        )
    as_role(connection, rights.OWNER)
    version = int(connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM bursar.versions").scalar_one())
    refuse_newer(version)
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(connection)
        connection.exec_driver_sql("INSERT INTO bursar.versions VALUES (%s, now())", (number,))
    _put_functions(connection, has_policies=version > 0)
    as_role(connection, "NONE")


def refuse_newer(version: int) -> None:
    """Raises TeamRefused for a schema that this Bursar does not know yet."""
    if version > VERSION:
        raise TeamRefused(
            "The team’s ledger is from a newer Bursar",
            f"Its schema is version {version}, this Bursar knows {VERSION}. Update Bursar.",
        )


def as_role(connection: Connection, role: str) -> None:
    """Go on as this role until the transaction ends; `NONE` is who logged in."""
    connection.exec_driver_sql(f"SET LOCAL ROLE {role}")


def _put_functions(connection: Connection, *, has_policies: bool) -> None:
    _run(connection, [one for one in _FUNCTIONS if one not in _READ_BY_READER])
    _run(connection, (rights.EVERY_TABLE, *(() if has_policies else rights.POLICIES), *rights.READER_GRANTS))
    as_role(connection, rights.READER)
    _run(connection, (*_READ_BY_READER, rights.NOT_FOR_PUBLIC, *rights.execute_grants(of_reader=True)))
    as_role(connection, rights.OWNER)
    _run(connection, (rights.NOT_FOR_PUBLIC, *rights.SCHEMA_GRANTS, *rights.execute_grants(of_reader=False)))


def _run(connection: Connection, statements: Iterable[str]) -> None:
    plain = connection.execution_options(no_parameters=True)  # a percent sign is one
    for statement in statements:
        plain.exec_driver_sql(statement)
