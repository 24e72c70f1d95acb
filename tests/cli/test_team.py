"""`bursar team` and what it adds to other commands, on a real PostgreSQL and with a keyring of the test's own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest

from app.core.money import NANO_PER_USD
from app.core.team import Asked
from app.keys.team_password import TEAM_ENTRY
from app.ledger.engine import Ledger
from app.ledger.team.ledger import TeamLedger, open_team
from tests import postgres
from tests.cli.conftest import Bursar
from tests.cli.test_keys import MemoryKeyring
from tests.ledger.bookkeeping import end, make_draft, reserve, spend_money

DATABASE = "cli_team"


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    if postgres.tools() is None:
        pytest.skip("PostgreSQL is not installed (Debian's package: postgresql)")
    made = postgres.Cluster()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def admin(cluster: postgres.Cluster) -> Iterator[str]:
    """The address of an empty database, as its administrator."""
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    yield cluster.url("admin", DATABASE)
    with cluster.connect() as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS lee, ann")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    backend = MemoryKeyring()  # type: ignore[no-untyped-call]
    backend.entries = {}
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    return backend


def invitation(told: str) -> tuple[str, str]:
    _, join, password = told.splitlines()
    return join.split()[-1], password.strip()


@pytest.fixture
def lead(bursar: Bursar, admin: str, ring: MemoryKeyring) -> str:
    """Joined as a lead; gives the invitation's password."""
    made = bursar("team", "init", admin, "--name", "payments", "--lead", "lee", stdin=postgres.PASSWORD)
    assert made.status == 0, made.err
    url, password = invitation(made.out)
    joined = bursar("team", "join", url, stdin=password)
    assert joined.out == "You are a lead of payments. Its caps count what this laptop spends from now on.\n", joined.err
    return password


def test_joining_keeps_the_address_in_the_settings_and_another_password_in_the_keyring(
    bursar: Bursar, lead: str, ring: MemoryKeyring, home: Path, cluster: postgres.Cluster
) -> None:
    kept = ring.get_password("bursar", TEAM_ENTRY)
    assert kept is not None
    assert kept != lead
    assert kept not in (home / "settings.json").read_text()
    status = json.loads(bursar("team", "status", "--json").out)
    assert (status["team"], status["member"], status["role"], status["reachable"]) == ("payments", "lee", "lead", True)
    assert "lee" in bursar("team", "members").out
    again = bursar("team", "join", cluster.url("lee", "another"), stdin="x")
    assert again.err.splitlines()[0] == "This laptop is in a team already"
    assert bursar("team", "leave").out == "This laptop has left payments.\n"
    assert ring.get_password("bursar", TEAM_ENTRY) is None
    assert bursar("team", "status").err.splitlines()[0] == "This laptop is in no team"


def test_a_lead_sets_edits_raises_and_removes_caps_that_are_listed_with_a_mark(bursar: Bursar, lead: str) -> None:
    bursar("caps", "add", "5", "--each", "day")
    assert bursar("caps", "add", "20", "--each", "month", "--for-team").status == 0
    assert "Everything, this month (team)" in bursar("caps", "list").out
    assert bursar("caps", "edit", "Everything, this month", "30", "--for-team").status == 2
    assert bursar("caps", "edit", "Everything, this month", "--limit", "30", "--for-team").status == 0
    listed = {one["name"]: one for one in json.loads(bursar("caps", "list", "--json").out)}
    assert (listed["Everything, this month"]["is_team"], listed["Everything, this month"]["limit_usd"]) == (
        True,
        "30.00",
    )
    assert listed["Everything, today"]["is_team"] is False
    loose = bursar("caps", "add", "9", "--each", "week", "--hold", "fit", "--for-team")
    assert loose.err.splitlines()[0] == "A team's cap holds strictly"
    assert bursar("caps", "remove", "Everything, this month", "--for-team").status == 0
    assert "(team)" not in bursar("caps", "list").out


def test_a_lead_answers_calls_of_others_that_wait(
    bursar: Bursar, lead: str, admin: str, cluster: postgres.Cluster
) -> None:
    bursar("caps", "add", "1", "--each", "total", "--for-team")
    invited = bursar("team", "invite", admin, "ann", stdin=postgres.PASSWORD)
    url, password = invitation(invited.out)
    ann = open_team(url, password)
    try:
        for answer, state in (("approve", "approved"), ("refuse", "refused")):
            question = _ask(ann)
            (listed,) = json.loads(bursar("approvals", "list", "--json").out)
            assert (listed["id"], listed["user"], listed["is_team"]) == (question, "ann", True)
            assert "Everything, in total (team)" in bursar("approvals", "list").out
            assert bursar("approvals", answer).status == 0
            assert ann.states([question])[question] == state
        question = _ask(ann)
        assert bursar("approvals", "raise", "5").status == 0
        assert ann.reserve([Asked(make_draft(2 * NANO_PER_USD), "m")])[0].is_admitted
    finally:
        ann.close()
    assert bursar("team", "dismiss", admin, "ann", stdin=postgres.PASSWORD).status == 0


def _ask(ann: TeamLedger) -> str:
    draft = make_draft(2 * NANO_PER_USD, agent="Claude Code")
    (verdict,) = ann.reserve([Asked(draft, "m")])
    return ann.ask(draft, verdict.obstacles[0], "m", 60)


def test_the_password_leaves_the_keyring_with_the_data(bursar: Bursar, lead: str, ring: MemoryKeyring) -> None:
    assert "The key for team-ledger is out of the keyring." in bursar("uninstall", "--yes", "--delete-data").out
    assert ring.entries == {}


def test_calls_of_the_past_are_copied_to_the_team_and_back(bursar: Bursar, lead: str, ledger: Ledger) -> None:
    for _ in range(3):
        spend_money(ledger, 20)
    assert bursar("team", "push").out == "3 calls were new to the team.\n"
    assert bursar("team", "push").out == "0 calls were new to the team.\n"
    assert bursar("team", "pull").out == "0 calls were new to this laptop.\n"


def test_leaving_waits_until_the_team_knows_of_all_calls(bursar: Bursar, lead: str, ledger: Ledger) -> None:
    draft = replace(make_draft(60, team="payments"), is_of_team=True)
    reserve(ledger, draft)
    end(ledger, draft, 20)
    assert "1 call waits to be told to the team." in bursar("team", "status").out
    refused = bursar("team", "leave")
    assert refused.err.splitlines()[0] == "The team does not know of all your calls yet"
    assert bursar("team", "leave", "--force").status == 0


def test_without_its_server_own_caps_are_still_listed_and_the_status_says_why(
    bursar: Bursar, lead: str, cluster: postgres.Cluster
) -> None:
    bursar("caps", "add", "5", "--each", "day")
    cluster.kill()
    try:
        listed = bursar("caps", "list")
        assert "Everything, today" in listed.out
        assert listed.err.startswith("Without your team's. The team’s ledger does not answer.")
        status = bursar("team", "status", "--json")
        assert (status.status, json.loads(status.out)["reachable"]) == (1, False)
    finally:
        cluster.start()


def test_leases_are_listed_and_ended_by_a_lead(bursar: Bursar, lead: str, ring: MemoryKeyring, admin: str) -> None:
    bursar("caps", "add", "10", "--each", "total", "--for-team")
    assert bursar("team", "lease", "2.50").out == "$2.50 of each cap is had in advance.\n"
    assert bursar("team", "leases").out == "Nobody has anything in advance.\n"
    lee = open_team(admin.replace("admin@", "lee@"), ring.get_password("bursar", TEAM_ENTRY))
    try:
        (lease,) = lee.leases([make_draft()], 2 * NANO_PER_USD, "laptop")
    finally:
        lee.close()
    assert "Everything, in total" in bursar("team", "leases").out
    assert bursar("team", "leases", "--end", lease.lease_id).out == "Ended, and charged in full: $2.00 of lee.\n"
    assert json.loads(bursar("team", "status", "--json").out)["caps"][0]["spent_usd"] == "2.00"


def test_calls_of_a_lost_laptop_are_listed_and_settled_by_a_lead(
    bursar: Bursar, lead: str, ring: MemoryKeyring, admin: str
) -> None:
    bursar("caps", "add", "10", "--each", "total", "--for-team")
    lee = open_team(admin.replace("admin@", "lee@"), ring.get_password("bursar", TEAM_ENTRY))
    try:
        lee.reserve([Asked(make_draft(2 * NANO_PER_USD), "laptop-8842aa11")])
    finally:
        lee.close()
    assert "42aa11   lee" in bursar("team", "leases").out
    assert bursar("team", "settle-lost", "nobody").err.startswith("There is no laptop with calls")
    refused = bursar("team", "settle-lost", "lee", "42aa11")
    assert refused.status != 0
    assert "--force" in refused.err
    done = bursar("team", "settle-lost", "lee", "42aa11", "--force")
    assert done.out == "1 call of lee ended, and charged at the most: they held $2.00.\n"
    assert json.loads(bursar("team", "status", "--json").out)["caps"][0]["spent_usd"] == "2.00"
    assert bursar("team", "leases").out == "Nobody has anything in advance.\n"
