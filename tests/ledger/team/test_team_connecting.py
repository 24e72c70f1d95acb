"""Coming in: addresses, encryption, wrong passwords, other versions; servers that are gone, frozen or not the one."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from app.core.errors import InvalidInput, TeamRefused, TeamUnreachable
from app.core.reservations import Draft
from app.core.team import Asked, Role, TeamPlace, parse_team_url
from app.core.windows import Window
from app.ledger.team import connecting
from app.ledger.team.administration import Administration, add_member, create_team, end_member, upgrade_team
from app.ledger.team.ledger import TeamLedger, open_team
from tests import postgres
from tests.end2end.certificates import self_signed
from tests.faults.cells import cell
from tests.ledger.bookkeeping import make_draft
from tests.ledger.team.conftest import Site, Team, make_site
from tests.ledger.team.test_team_ledger import money, set_cap


@pytest.mark.parametrize(
    ("url", "place", "password"),
    [
        ("postgresql+psycopg://ann@db.example.com/bursar", TeamPlace("db.example.com", 5432, "bursar", "ann"), None),
        ("postgres://ann:s%40c@[::1]:6432/b%2dr", TeamPlace("::1", 6432, "b-r", "ann"), "s@c"),
        ("postgresql://ann@/b?host=/run/pg&port=5433", TeamPlace("/run/pg", 5433, "b", "ann"), None),
    ],
)
def test_an_address_is_read_and_its_password_kept_apart(url: str, place: TeamPlace, password: str | None) -> None:
    assert parse_team_url(url) == (place, password)
    assert parse_team_url(place.url) == (place, None)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ann@db/bursar", "mysql://ann@db/bursar", "postgresql://db/bursar", "postgresql://ann@db"),
        *("postgresql://ann@db:x/b", "postgresql://ann@db/b?sslmode=disable", "postgresql://ann@db/b#c"),
        "postgresql://ann:secret@db:99999/b",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_team_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        *(("127.0.0.1", "prefer"), ("::1", "prefer"), ("localhost", "prefer"), ("/run/pg", "prefer")),
        *(("db.example.com", "verify-full"), ("10.0.0.1", "verify-full"), ("localhost.example.com", "verify-full")),
    ],
)
def test_a_server_over_a_network_has_to_prove_who_it_is(host: str, mode: str) -> None:
    assert connecting.connect_arguments(TeamPlace(host, 1, "b", "ann"), None, None)["sslmode"] == mode


def test_a_wrong_password_and_another_database_are_refused(site: Site, team: Team) -> None:
    with pytest.raises(TeamRefused, match="password"):
        open_team(site.cluster.url("ann", team.database), "wrong")
    with pytest.raises(TeamRefused):
        open_team(site.cluster.url("ann", "nowhere"), site.passwords["ann"])
    with pytest.raises(TeamRefused):
        open_team(site.cluster.url("ann", "postgres"), site.passwords["ann"])
    with pytest.raises(TeamRefused, match="not a member"):
        open_team(site.cluster.url("admin", team.database), postgres.PASSWORD)


def test_a_new_password_takes_the_place_of_the_one_that_was_sent(site: Site, team: Team) -> None:
    invited = add_member(site.administration(team.database), "may", Role.MEMBER)
    may = open_team(invited.url, invited.password)
    password = may.change_password()
    may.close()

    with pytest.raises(TeamRefused):
        open_team(invited.url, invited.password)
    open_team(invited.url, password).close()
    assert password not in site.cluster.log()


@pytest.mark.parametrize(("version", "word"), [(99, "newer"), (0, "older")])
def test_a_schema_of_another_version_is_refused_with_what_to_do(team: Team, version: int, word: str) -> None:
    with team.site.cluster.connect(team.database) as server:
        server.execute("UPDATE bursar.versions SET version = %s", (version,))

    with pytest.raises(TeamRefused, match=word):
        team.enter("ann")
    if word == "newer":
        with pytest.raises(TeamRefused, match=word):
            upgrade_team(team.site.administration(team.database))


def test_an_upgrade_puts_the_functions_in_place_anew_and_keeps_all_there_is(team: Team) -> None:
    lee = team.enter("lee")
    cap = set_cap(lee, 100)
    lee.reserve([Asked(make_draft(60), "m")])
    with team.site.cluster.connect(team.database) as server:
        server.execute("DROP FUNCTION bursar.caps()")
    upgrade_team(team.site.administration(team.database))

    assert lee.caps() == [cap]
    assert money(lee, cap) == (0, 60)


def test_an_administrator_that_is_no_superuser_makes_a_team(site: Site) -> None:
    with site.cluster.connect() as server:
        server.execute("CREATE ROLE keeper LOGIN CREATEROLE PASSWORD 'kept'")
        server.execute("GRANT bursar_owner, bursar_reader, bursar_member, bursar_lead, bursar_viewer TO keeper")
        server.execute("CREATE DATABASE kept OWNER keeper")
    place, _ = parse_team_url(site.cluster.url("keeper", "kept"))
    admin = Administration(place, "kept")

    invited = create_team(admin, "ops", lead="olga")

    olga = open_team(invited.url, invited.password)
    assert (olga.team, olga.role) == ("ops", Role.LEAD)
    olga.close()
    with pytest.raises(InvalidInput):
        create_team(admin, "ops", lead="otto")
    with pytest.raises(InvalidInput):
        add_member(admin, "ann", Role.MEMBER)
    gone = add_member(admin, "gus", Role.MEMBER)
    gus = open_team(gone.url, gone.password)
    end_member(admin, "gus")
    with pytest.raises(TeamRefused):
        gus.totals()
    with pytest.raises(TeamRefused):
        gus.reserve([Asked(make_draft(1), "m")])
    gus.close()
    with pytest.raises(TeamRefused):
        open_team(gone.url, gone.password)
    site.drop("kept")


@cell("F42", "server frozen, killed and back", "calls are asked for", "out of reach for now; asked again counts once")
def test_a_server_that_is_gone_frozen_or_back_is_told_apart_and_nothing_counts_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if postgres.tools() is None:
        pytest.skip("PostgreSQL is not installed")
    monkeypatch.setattr(connecting, "DEADLINE_S", 1.0)
    cluster = postgres.Cluster(is_safe=True)
    try:
        site = make_site(cluster)
        database = site.copy_team()
        ann, lee = site.open("ann", database), site.open("lee", database)
        cap = set_cap(lee, 100)
        asked = [Asked(make_draft(60), "m")]
        cluster.freeze()
        with pytest.raises(TeamUnreachable):
            ann.reserve(asked)
        cluster.thaw()
        assert ann.reserve(asked)[0].is_admitted, "whether it was done before or not"
        assert money(lee, cap) == (0, 60)
        cluster.kill()
        with pytest.raises(TeamUnreachable):
            ann.reserve(asked)
        with pytest.raises(TeamUnreachable):
            ann.listen()
        cluster.start()
        assert ann.reserve(asked)[0].is_admitted
        with pytest.raises(TeamUnreachable):
            lee.totals()
        assert money(lee, cap) == (0, 60)
        ann.close()
        lee.close()
    finally:
        cluster.close()


@cell("F44", "two transactions wait for one another", "money is held", "asked again, held once")
def test_a_deadlock_is_asked_again(team: Team) -> None:
    """Made by somebody who locks in another order; the functions never do."""
    ann, lee = team.enter("ann"), team.enter("lee")
    caps = sorted((set_cap(lee, 100), set_cap(lee, 100, window=Window.DAY)), key=lambda cap: cap.cap_id)
    draft = make_draft(60)
    for _ in range(10):
        if is_taken_back(team, ann, draft, [cap.cap_id for cap in caps]):
            break
        ann.release([draft.call_id])  # on a slow machine the other was
    else:
        pytest.fail("the member's transaction was never the one that was taken back")
    assert [money(lee, cap) for cap in caps] == [(0, 60), (0, 60)]


def is_taken_back(team: Team, ann: TeamLedger, draft: Draft, cap_ids: list[str]) -> bool:
    """Let a reservation and somebody else wait for one another; whether it was the reservation that had to give way."""
    lock = "SELECT 1 FROM bursar.totals WHERE cap_id = %s FOR UPDATE"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ann' AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool, team.site.cluster.connect(team.database) as server:
        try:
            with server.transaction():
                server.execute(lock, (cap_ids[1],))
                answer = pool.submit(ann.reserve, [Asked(draft, "m")])
                deadline = time.monotonic() + 10
                while server.execute(waits).fetchone() != (1,):
                    assert time.monotonic() < deadline
                server.execute(lock, (cap_ids[0],))
            is_anns = True
        except psycopg.errors.DeadlockDetected:
            is_anns = False
        assert answer.result()[0].is_admitted
        return is_anns


def test_over_a_network_a_server_that_is_not_vouched_for_is_refused(tmp_path: Path, site: Site, team: Team) -> None:
    (tmp_path / "stranger").mkdir()
    stranger, _ = self_signed(tmp_path / "stranger", "db.example.com")
    certificate, key = self_signed(tmp_path, "db.example.com")

    def enter(host: str, authority: Path) -> str:
        place = TeamPlace(host, site.cluster.port, team.database, "ann")
        arguments = connecting.connect_arguments(place, site.passwords["ann"], authority)
        door = connecting.Door(connecting.make_engine(arguments | {"hostaddr": "127.0.0.1"}, listens=False))
        try:
            return str(door.call("who")["name"])
        finally:
            door.close()

    with site.cluster.encrypting(certificate, key):
        assert enter("db.example.com", certificate) == "ann"
        with pytest.raises(TeamRefused, match="prove"):
            enter("other.example.com", certificate)
        with pytest.raises(TeamRefused, match="prove"):
            enter("db.example.com", stranger)
    with pytest.raises(TeamRefused, match="encrypt"):
        enter("db.example.com", certificate)
