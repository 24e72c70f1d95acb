"""A login may execute its role's functions, and nothing else of the database (issue 11: tested on every table)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.core.caps import Action
from app.core.errors import TeamRefused
from app.core.tags import Scope
from app.core.team import Asked, Role
from app.core.windows import Window
from app.ledger.team import rights
from app.ledger.team.administration import add_member, end_member
from app.ledger.team.ledger import TeamLedger
from tests.ledger.bookkeeping import make_draft
from tests.ledger.team.conftest import Site, Team
from tests.ledger.team.test_team_ledger import ended, make_cap, money, set_cap

ALL_TIME = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
LOGINS = {"ann": Role.MEMBER, "lee": Role.LEAD, "vic": Role.VIEWER}
OPERATIONS = (
    "SELECT * FROM {0}",
    "SELECT count(*) FROM {0}",
    "INSERT INTO {0} DEFAULT VALUES",
    "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM {0}",
    "UPDATE {0} SET {1} = {1}",
    "DELETE FROM {0}",
    "TRUNCATE {0}",
    "LOCK TABLE {0} IN ROW SHARE MODE",
    "COPY {0} TO STDOUT",
    "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY",
    "DROP TABLE {0}",
)
OUTSIDE_TABLES = (
    "CREATE TABLE public.mine (x integer)",
    "CREATE TEMPORARY TABLE mine (x integer)",
    "CREATE TABLE bursar.mine (x integer)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION bursar.current_instant() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
    "CREATE ROLE mine",
    "SET ROLE bursar_owner",
    "SET ROLE bursar_reader",
    "SET SESSION AUTHORIZATION bob",
    "SELECT pg_read_file('/etc/hostname')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
)


def login(site: Site, name: str, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(
        host="127.0.0.1", port=site.cluster.port, user=name, password=site.passwords[name], dbname=database,
        autocommit=True,
    )  # fmt: skip


@pytest.fixture
def server(team: Team) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    with team.site.cluster.connect(team.database) as connection:
        yield connection


def every_table(server: "psycopg.Connection[tuple[Any, ...]]") -> list[tuple[str, str]]:
    """Each with a column that may be set."""
    rows = server.execute(
        """SELECT c.relname, (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum = 2)
            FROM pg_class c WHERE relnamespace = 'bursar'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f')"""
    ).fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


@pytest.mark.parametrize("name", LOGINS)
def test_no_role_does_anything_with_any_table(
    team: Team, server: "psycopg.Connection[tuple[Any, ...]]", name: str
) -> None:
    tables = every_table(server)
    assert {"caps", "totals", "reservations", "calls", "members", "versions"} <= {table for table, _ in tables}
    with login(team.site, name, team.database) as connection:
        for table, column in tables:
            for operation in OPERATIONS:
                statement = sql.SQL(operation).format(sql.Identifier("bursar", table), sql.Identifier(column))
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(statement)


@pytest.mark.parametrize("name", LOGINS)
def test_no_role_makes_anything_or_becomes_anybody(team: Team, name: str) -> None:
    with login(team.site, name, team.database) as connection:
        for statement in OUTSIDE_TABLES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL(statement))


@pytest.mark.parametrize(("name", "role"), LOGINS.items())
def test_a_role_executes_its_functions_and_no_others(
    server: "psycopg.Connection[tuple[Any, ...]]", name: str, role: Role
) -> None:
    rows = server.execute(
        """SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE pronamespace = 'bursar'::regnamespace AND has_function_privilege(%s, p.oid, 'EXECUTE')""",
        (name,),
    ).fetchall()

    found = {str(row[0]).removeprefix("bursar.").replace(",", ", ") for row in rows}
    assert found == set(rights.MAY_EXECUTE[role])


def test_the_public_has_nothing(team: Team, server: "psycopg.Connection[tuple[Any, ...]]") -> None:
    given = server.execute(
        """SELECT p.proname FROM pg_proc p WHERE pronamespace = 'bursar'::regnamespace
                AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))
            UNION ALL SELECT relname FROM pg_class c CROSS JOIN LATERAL aclexplode(relacl) a
                WHERE relnamespace = 'bursar'::regnamespace AND a.grantee = 0
            UNION ALL SELECT nspname FROM pg_namespace n CROSS JOIN LATERAL aclexplode(nspacl) a
                WHERE nspname IN ('bursar', 'public') AND a.grantee = 0"""
    ).fetchall()

    assert given == []


def test_functions_with_their_owners_rights_look_nowhere_else(server: "psycopg.Connection[tuple[Any, ...]]") -> None:
    open_to = server.execute(
        """SELECT proname FROM pg_proc WHERE pronamespace = 'bursar'::regnamespace AND prosecdef
            AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)"""
    ).fetchall()
    unguarded = server.execute(
        """SELECT relname FROM pg_class
            WHERE relnamespace = 'bursar'::regnamespace AND relkind = 'r' AND NOT relrowsecurity"""
    ).fetchall()

    assert open_to == unguarded == []


def test_a_member_sees_the_own_calls_and_the_teams_sums(team: Team, ann: TeamLedger, lee: TeamLedger) -> None:
    bob, vic = team.enter("bob"), team.enter("vic")
    cap = set_cap(lee, 1000, action=Action.PAUSE)
    each = set_cap(lee, 90, scope=Scope.USER, scope_key="*", window=Window.DAY, action=Action.PAUSE)
    for ledger, cost in ((ann, 30), (bob, 50)):
        draft = make_draft(cost, project="p", agent="a")
        assert ledger.reserve([Asked(draft, "m")])[0].is_admitted
        ledger.settle([ended(draft, cost)])
    [refused] = bob.reserve([Asked(asking := make_draft(60), "m")])
    bob.ask(asking, refused.obstacles[0], "m", 60)

    def seen(ledger: TeamLedger) -> list[tuple[str, int]]:
        return [(one.member, one.cost_nano_usd) for one in ledger.spend(*ALL_TIME, "UTC")]

    assert seen(ann) == [("ann", 30)]
    assert seen(bob) == [("bob", 50)]
    assert seen(lee) == seen(vic) == [("ann", 30), ("bob", 50)]
    assert {one.team_spend(*ALL_TIME, "UTC")[0].cost_nano_usd for one in (ann, bob, lee, vic)} == {80}
    assert {money(one, cap) for one in (ann, bob, lee, vic)} == {(80, 0)}
    assert [one.spent_nano_usd for one in ann.totals() if one.cap_id == each.cap_id] == [30]
    assert sorted(one.spent_nano_usd for one in lee.totals() if one.cap_id == each.cap_id) == [30, 50]
    assert [len(one.waiting()) for one in (ann, bob, lee)] == [0, 1, 1]
    assert [one.tags.user for one in lee.waiting()] == ["bob"]


def test_a_member_sets_no_cap_and_a_viewer_holds_nothing(team: Team, ann: TeamLedger) -> None:
    vic = team.enter("vic")

    with pytest.raises(TeamRefused):
        ann.set_cap(make_cap(10))
    with pytest.raises(TeamRefused):
        vic.reserve([Asked(make_draft(1), "m")])
    with pytest.raises(TeamRefused):
        vic.waiting()


def test_nobody_ends_anothers_holds_but_a_lead(team: Team, ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    bob = team.enter("bob")
    draft = make_draft(40)
    ann.reserve([Asked(draft, "m")])

    bob.release([draft.call_id])
    bob.settle([ended(draft, 0)])
    assert not bob.extend(draft.call_id, 1)
    assert money(lee, cap) == (0, 40), "it is not his"
    ann.settle([ended(draft, 30)])
    assert money(lee, cap)[1] == 0


def test_who_left_does_not_come_in_and_who_comes_back_does(site: Site, team: Team) -> None:
    admin = site.administration(team.database)
    invited = add_member(admin, "eve", Role.MEMBER)
    site.passwords["eve"] = invited.password
    eve = team.enter("eve")
    assert (eve.member, eve.role, eve.team) == ("eve", Role.MEMBER, "payments")

    end_member(admin, "eve")
    with pytest.raises(TeamRefused):
        team.enter("eve")
    site.passwords["eve"] = add_member(admin, "eve", Role.LEAD).password

    assert team.enter("eve").role is Role.LEAD
