"""The one connection to a team's database: encrypted unless it stays on this machine, and never waited on for long.

The server ends a statement after five seconds by itself; a server that is frozen or gone behind a dead network says
nothing, so the waiting for it ends here too.
"""

import random
import time
from pathlib import Path
from typing import Any

import certifi
import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.pool import QueuePool

from app.core.team import TeamPlace
from app.ledger.team.team_errors import TRY_AGAIN, state_of, told_plainly

CONNECT_S = 5
DEADLINE_S = 8.0
"""Longer than the server's own limits, so that a server that lives answers first."""

COUNTING_S = 120
TIMES_ASKED = 5
_OPTIONS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "5s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}
CHANNEL = "bursar"


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that says nothing for `DEADLINE_S` seconds."""

    deadline_s: float | None = None

    def wait[T](self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer, at most so many seconds. A connection whose answer did not come is closed: it may still
        come, and must not be taken for the next one's."""
        try:
            return super().wait(gen, interval, (self.deadline_s or DEADLINE_S) if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if timeout is None and error.sqlstate is None:
                self.pgconn.finish()
            raise


def connect_arguments(place: TeamPlace, password: str | None, root_certificate: Path | None) -> dict[str, Any]:
    """What libpq is told. Over a network the server must prove that it is the one that was named, by this authority or
    the public ones, which psycopg's own OpenSSL looks for where no system has them."""
    arguments: dict[str, Any] = {
        "host": place.host,
        "port": place.port,
        "dbname": place.database,
        "user": place.user,
        "password": password,
        "sslmode": "prefer" if place.is_loopback else "verify-full",
        "connect_timeout": CONNECT_S,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "application_name": "bursar",
        "options": " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items()),
    }
    if not place.is_loopback:
        arguments["sslrootcert"] = str(root_certificate or certifi.where())
    return arguments


def make_engine(arguments: dict[str, Any], *, listens: bool) -> Engine:
    """One connection, made when it is first needed and again after it broke; each statement is a transaction."""

    def connect() -> PatientConnection:
        connection = PatientConnection.connect(autocommit=True, **arguments)
        if listens:
            connection.execute(f"LISTEN {CHANNEL}")
        return connection

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        isolation_level="AUTOCOMMIT",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=DEADLINE_S,
    )


class Door:
    """Calls the functions of a team's database, from any thread, one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def call(self, function: str, *arguments: Any) -> Any:
        """What a function answers. One round trip and one transaction; asked again where the server took it back for
        the sake of others. Raises TeamUnreachable, TeamRefused, InvalidInput."""
        places = ", ".join(["%s"] * len(arguments))
        with told_plainly():
            for attempt in range(TIMES_ASKED):
                try:
                    with self._engine.connect() as connection:
                        return connection.exec_driver_sql(f"SELECT bursar.{function}({places})", arguments).scalar_one()
                except DBAPIError as error:
                    if state_of(error.orig) not in TRY_AGAIN or attempt == TIMES_ASKED - 1:
                        raise
                    time.sleep(random.uniform(0.005, 0.05) * 2**attempt)
        raise AssertionError("the last attempt answers or raises")

    def call_patiently(self, function: str, argument: str) -> None:
        """As `call`, for what a person does that may go through all calls there are: for up to `COUNTING_S` seconds."""
        with told_plainly(), self._engine.connect() as connection:
            driver = self._driver(connection)
            assert isinstance(driver, PatientConnection)
            driver.deadline_s = COUNTING_S + DEADLINE_S
            connection.exec_driver_sql("SELECT set_config('statement_timeout', %s, false)", (f"{COUNTING_S}s",))
            try:
                connection.exec_driver_sql(f"SELECT bursar.{function}(%s)", (argument,))
            finally:
                driver.deadline_s = None
                if not connection.invalidated:
                    connection.exec_driver_sql("RESET statement_timeout")

    def news(self, timeout_s: float) -> frozenset[str]:
        """What was told to all since the last look; waits for it at most so long."""
        with told_plainly(), self._engine.connect() as connection:
            try:
                heard = self._driver(connection).notifies(timeout=timeout_s, stop_after=1)
                return frozenset(notice.payload for notice in heard)
            except psycopg.OperationalError as error:
                connection.invalidate()
                raise DBAPIError("LISTEN", (), error) from error

    def set_password(self, login: str, password: str) -> None:
        """Give a login another password. It leaves this machine scrambled, and so stands in no log of the server."""
        with told_plainly(), self._engine.connect() as connection:
            driver = self._driver(connection)
            scrambled = driver.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(login), sql.Literal(scrambled))
            connection.execution_options(no_parameters=True).exec_driver_sql(statement.as_string())

    def fileno(self) -> int:
        """The connection's socket, to wait for news and for something else at once. It changes when the connection is
        made anew."""
        with told_plainly(), self._engine.connect() as connection:
            return int(self._driver(connection).fileno())

    def close(self) -> None:
        """Leave."""
        self._engine.dispose()

    @staticmethod
    def _driver(connection: Any) -> psycopg.Connection[Any]:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise InvalidRequestError("the connection is not psycopg's")
        return driver
