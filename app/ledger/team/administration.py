"""What only the administrator of the database does: make a team, let people in, see them out, upgrade the schema.

Done with the administrator's own login, which Bursar never keeps. It need not be a superuser: it owns the database and
may create roles.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from app.core.errors import InvalidInput
from app.core.tags import clean_name
from app.core.team import Role, TeamPlace, parse_team_url
from app.ledger.team.connecting import connect_arguments, make_engine
from app.ledger.team.migrations import as_role, upgrade
from app.ledger.team.rights import GROUPS, OWNER
from app.ledger.team.team_errors import told_plainly

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a new member needs to join: the team's address with their login, and a password for once."""

    url: str
    password: str


@dataclass(frozen=True, slots=True)
class Administration:
    """An administrator's way in. `certificate` is that of the authority which vouches for the server."""

    place: TeamPlace
    password: str | None
    certificate: Path | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction with the administrator's rights. Raises TeamUnreachable, TeamRefused."""
        arguments = connect_arguments(self.place, self.password, self.certificate)
        engine = make_engine(arguments, listens=False)
        try:
            with told_plainly(), engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
                yield connection
        finally:
            engine.dispose()


def administration(url: str, password: str | None, certificate: Path | None = None) -> Administration:
    """The way in that an administrator's address names. Raises InvalidInput."""
    place, spoken = parse_team_url(url)
    return Administration(place, password or spoken, certificate)


def create_team(admin: Administration, name: str, *, lead: str) -> Invitation:
    """Make the team in an existing, empty database, with its first lead. Raises InvalidInput where there is one."""
    name = clean_name(name)
    if not name:
        raise InvalidInput("A team needs a name", "It is what its calls are labelled with, such as payments.")
    with admin.transaction() as connection:
        upgrade(connection)
        as_role(connection, OWNER)
        if connection.exec_driver_sql("SELECT count(*) FROM bursar.team").scalar_one():
            raise InvalidInput("There is a team already", "Make another database for another team.")
        connection.exec_driver_sql("INSERT INTO bursar.team (name, made_at) VALUES (%s, now())", (name,))
        as_role(connection, "NONE")
        _close_to_public(connection, admin.place.database)
        return _let_in(connection, admin, lead, Role.LEAD)


def add_member(admin: Administration, name: str, role: Role) -> Invitation:
    """Let somebody in, anew after they left, or with another role and another password. Raises InvalidInput."""
    with admin.transaction() as connection:
        return _let_in(connection, admin, name, role)


def end_member(admin: Administration, name: str) -> None:
    """See somebody out: their login is closed, and a connection they still have is answered no more. What they spent
    stays. Raises InvalidInput."""
    with admin.transaction() as connection:
        as_role(connection, OWNER)
        ended = "UPDATE bursar.members SET ended_at = now() WHERE name = %s AND ended_at IS NULL RETURNING login"
        login = connection.exec_driver_sql(ended, (name,)).scalar_one_or_none()
        as_role(connection, "NONE")
        if login is None:
            raise InvalidInput("No such member", f"“{clean_name(name)}” does not belong to this team.")
        _revoke_groups(connection, login)
        _run(connection, "ALTER ROLE {} NOLOGIN", sql.Identifier(login))


def upgrade_team(admin: Administration) -> None:
    """Bring the schema of a team's database to this Bursar's version. Raises TeamRefused for a newer one."""
    with admin.transaction() as connection:
        upgrade(connection)


def _let_in(connection: Connection, admin: Administration, name: str, role: Role) -> Invitation:
    if not _NAME.fullmatch(name) or name.startswith(("pg_", "bursar_")):
        raise InvalidInput("Not a member’s name", "Small letters, digits, - and _, beginning with a letter: ann.")
    password = secrets.token_urlsafe(24)
    _make_login(connection, name, password)
    _revoke_groups(connection, name)
    _run(connection, "GRANT {} TO {}", sql.Identifier(GROUPS[role]), sql.Identifier(name))
    _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", sql.Identifier(admin.place.database), sql.Identifier(name))
    as_role(connection, OWNER)
    connection.exec_driver_sql(
        """INSERT INTO bursar.members (login, name, role, joined_at) VALUES (%s, %s, %s, now())
            ON CONFLICT (login) DO UPDATE SET role = excluded.role, ended_at = NULL""",
        (name, name, role.value),
    )
    as_role(connection, "NONE")
    return Invitation(replace(admin.place, user=name).url, password)


def _make_login(connection: Connection, name: str, password: str) -> None:
    """A login with this password; a member's who was there before is opened again, another's is left alone."""
    exists = connection.exec_driver_sql("SELECT count(*) FROM pg_roles WHERE rolname = %s", (name,)).scalar_one()
    as_role(connection, OWNER)
    is_ours = connection.exec_driver_sql("SELECT count(*) FROM bursar.members WHERE login = %s", (name,)).scalar_one()
    as_role(connection, "NONE")
    if exists and not is_ours:
        raise InvalidInput(
            "This name is taken", f"The server has a login “{name}” of something else. Take another name."
        )
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    scrambled = driver.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    how = "ALTER ROLE {} LOGIN PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}"
    _run(connection, how, sql.Identifier(name), sql.Literal(scrambled))


def _revoke_groups(connection: Connection, login: str) -> None:
    for group in GROUPS.values():
        _run(connection, "REVOKE {} FROM {}", sql.Identifier(group), sql.Identifier(login))


def _close_to_public(connection: Connection, database: str) -> None:
    _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", sql.Identifier(database))
    _run(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")


def _run(connection: Connection, text: str, *names: sql.Composable) -> None:
    statement = sql.SQL(text).format(*names).as_string()
    connection.execution_options(no_parameters=True).exec_driver_sql(statement)
