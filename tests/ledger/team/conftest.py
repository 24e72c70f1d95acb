"""A team in a database of its own for each test, in one real server."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from psycopg import sql

from app.core.team import Role
from app.ledger.team.administration import Administration, add_member, administration, create_team
from app.ledger.team.ledger import TeamLedger, open_team
from tests import postgres

TEMPLATE = "template_team"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Site:
    """A server with a team to copy, and its members' passwords."""

    cluster: postgres.Cluster
    passwords: dict[str, str]

    def administration(self, database: str) -> Administration:
        return administration(self.cluster.url("admin", database), postgres.PASSWORD)

    def copy_team(self) -> str:
        """A database with a team of its own: ann and bob are members, lee leads, vic views."""
        name = f"team_{next(_numbers)}"
        database = sql.Identifier(name)
        with self.cluster.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(database, sql.Identifier(TEMPLATE)))
            # What a copy does not have of its template: who may come in.
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            logins = sql.SQL(", ").join(map(sql.Identifier, self.passwords))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, logins))
        return name

    def drop(self, database: str) -> None:
        with self.cluster.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def open(self, name: str, database: str, *, listens: bool = True) -> TeamLedger:
        return open_team(self.cluster.url(name, database), self.passwords[name], listens=listens)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    if postgres.tools() is None:
        pytest.skip("PostgreSQL is not installed (Debian's package: postgresql)")
    cluster = postgres.Cluster()
    try:
        yield make_site(cluster)
    finally:
        cluster.close()


def make_site(cluster: postgres.Cluster) -> Site:
    """Put the team to copy into a server."""
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    site = Site(cluster, {})
    admin = site.administration(TEMPLATE)
    site.passwords["lee"] = create_team(admin, "payments", lead="lee").password
    for name, role in (("ann", Role.MEMBER), ("bob", Role.MEMBER), ("vic", Role.VIEWER)):
        site.passwords[name] = add_member(admin, name, role).password
    return site


@dataclass(frozen=True, slots=True)
class Team:
    """One test's team."""

    site: Site
    database: str
    enter: Callable[[str], TeamLedger]


@pytest.fixture
def team(site: Site) -> Iterator[Team]:
    database = site.copy_team()
    opened: list[TeamLedger] = []

    def enter(name: str) -> TeamLedger:
        opened.append(site.open(name, database))
        return opened[-1]

    yield Team(site, database, enter)
    for ledger in opened:
        ledger.close()
    site.drop(database)


def hears(ledger: TeamLedger, word: str) -> bool:
    """Whether it is told this, and whatever else, within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if word in ledger.listen(1):
            return True
    return False


@pytest.fixture
def ann(team: Team) -> TeamLedger:
    return team.enter("ann")


@pytest.fixture
def lee(team: Team) -> TeamLedger:
    return team.enter("lee")
