"""Laptops of a team on one real PostgreSQL: meters, clients and server are real; only the provider is played.

What the provider counts is the truth: it has to be what the team's ledger says, whatever was killed meanwhile.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from app.core.caps import Action, Answer, Cap
from app.core.errors import TeamUnreachable
from app.core.money import NANO_PER_CENT
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.keys.team_password import TEAM_ENTRY
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.identifiers import new_id
from app.ledger.team.ledger import TeamLedger
from app.ledger.team_outbox import count_untold
from tests import postgres
from tests.end2end.meter_process import KEYS, RunningMeter, meter, read_event, start_process, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.end2end.sdks import openai_client
from tests.ledger.team.conftest import Site, make_site

pytestmark = pytest.mark.end2end

MODEL = "gpt-5-mini"
NANO_OF_ANSWER = 1_000 * 250 + 4_000 * 2_000  # 0.825 cents
LONG_S = 60.0

type StartLaptop = Callable[..., AbstractContextManager[RunningMeter]]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if postgres.tools() is None:
        pytest.skip("PostgreSQL is not installed (Debian's package: postgresql)")
    cluster = postgres.Cluster(is_safe=True)
    try:
        yield make_site(cluster)
    finally:
        cluster.close()


@dataclass
class Team:
    """A team of its own for one test, seen by its lead."""

    site: Site
    database: str
    tmp_path: Path
    provider: Provider
    _opened: TeamLedger | None = None

    @property
    def lead(self) -> TeamLedger:
        """The lead's own way in; another one where the server was killed since."""
        if self._opened is not None:
            try:
                self._opened.states(["none"])
                return self._opened
            except TeamUnreachable:
                self._opened.close()
        self._opened = self.site.open("lee", self.database, listens=False)
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self.site.drop(self.database)

    def set_cap(self, limit: int, action: Action = Action.PAUSE) -> Cap:
        cap = Cap(new_id(), Scope.EVERYTHING, "", Window.TOTAL, limit, action)
        self.lead.set_cap(cap)
        return cap

    def words(self, member: str, lease: int = 0) -> tuple[str, ...]:
        url = self.site.cluster.url(member, self.database)
        return ("--team-url", url, "--team-name", "payments", "--team-lease", str(lease))

    def keys(self, member: str) -> dict[str, str]:
        return KEYS | {TEAM_ENTRY: self.site.passwords[member]}

    def laptop(self, member: str, *, lease: int = 0) -> AbstractContextManager[RunningMeter]:
        home = self.tmp_path / member
        home.mkdir(mode=0o700, exist_ok=True)
        return meter(
            home, {"openai": self.provider.url}, keys=self.keys(member), extra=self.words(member, lease),
            tags=Tags(project="billing-api", agent="test", user=member),
        )  # fmt: skip

    def money(self, cap: Cap) -> tuple[int, int]:
        return next(
            ((one.spent_nano_usd, one.held_nano_usd) for one in self.lead.totals() if one.cap_id == cap.cap_id), (0, 0)
        )

    def calls(self) -> int:
        with self.site.cluster.connect(self.database) as connection:
            (number,) = (
                connection.execute("SELECT count(*) FROM bursar.calls WHERE outcome <> 'refused'").fetchone() or ()
            )
        return int(str(number))


@pytest.fixture
def team(site: Site, tmp_path: Path, provider: Provider) -> Iterator[Team]:
    provider.answer = lambda _seen: chat_completion(1_000, 4_000)
    made = Team(site, site.copy_team(), tmp_path, provider)
    yield made
    made.close()


def ask(laptop: RunningMeter, limit: int = 4_500) -> str:
    client = openai_client(laptop.gateway, laptop.token)
    answer = client.chat.completions.create(
        model=MODEL, max_completion_tokens=limit, messages=[{"role": "user", "content": "hello"}]
    )
    return answer.choices[0].message.content or ""


def test_the_second_laptop_waits_at_the_caps_of_the_team_until_a_lead_answers(team: Team) -> None:
    cap = team.set_cap(NANO_PER_CENT)
    with team.laptop("ann") as ann, team.laptop("bob") as bob, ThreadPoolExecutor() as pool:
        assert ask(ann)
        wait_until(lambda: team.money(cap) == (NANO_OF_ANSWER, 0), "the first call in the team's ledger")
        second: Future[str] = pool.submit(ask, bob)
        wait_until(lambda: team.lead.waiting(), "the question to the lead")
        (question,) = team.lead.waiting()
        assert (question.tags.user, question.cap_name, question.spent_nano_usd) == (
            "bob", "Everything, in total", NANO_OF_ANSWER,
        )  # fmt: skip
        assert not second.done()
        team.lead.answer(question.approval_id, Answer.APPROVE)
        assert second.result(LONG_S)
        third: Future[str] = pool.submit(ask, ann)
        wait_until(lambda: team.lead.waiting(), "the next question to the lead")
        team.lead.answer(team.lead.waiting()[0].approval_id, Answer.REFUSE)
        with pytest.raises(openai.BadRequestError, match="Refused by a lead of your team"):
            third.result(LONG_S)
        wait_until(lambda: team.money(cap) == (2 * NANO_OF_ANSWER, 0), "what both cost")
        assert recent_calls(ann.ledger, 5)[-1].tags.team == "payments"
    assert len(team.provider.seen) == 2
    assert team.calls() == 2


def test_while_the_server_is_gone_hard_caps_say_come_again_and_nothing_is_lost(team: Team) -> None:
    cap = team.set_cap(100 * NANO_PER_CENT)
    gate = threading.Event()
    arrived = threading.Event()

    def answer(_seen: object) -> object:
        arrived.set()
        assert gate.wait(LONG_S)
        return chat_completion(1_000, 4_000)

    with team.laptop("ann") as ann, ThreadPoolExecutor() as pool:
        ask(ann)
        team.provider.answer = answer  # type: ignore[assignment]
        on_its_way: Future[str] = pool.submit(ask, ann)
        assert arrived.wait(LONG_S)
        team.site.cluster.kill()
        gate.set()
        assert on_its_way.result(LONG_S)
        with pytest.raises(openai.InternalServerError) as refused:
            ask(ann)
        assert refused.value.status_code == 503
        assert refused.value.response.headers["x-bursar-refusal"] == "team_away"
        assert "retry-after" in refused.value.response.headers
        assert count_untold(ann.ledger) >= 1
        team.site.cluster.start()
        wait_until(lambda: count_untold(ann.ledger) == 0, "what was spooled to be told", LONG_S)
        assert ask(ann)
        wait_until(lambda: team.money(cap) == (3 * NANO_OF_ANSWER, 0), "what all cost", LONG_S)
    assert len(team.provider.seen) == 3


@pytest.mark.slow
def test_inside_its_lease_a_laptop_goes_on_without_the_server(team: Team) -> None:
    cap = team.set_cap(100 * NANO_PER_CENT)
    with team.laptop("ann", lease=2 * NANO_PER_CENT) as ann:
        ask(ann)
        wait_until(lambda: team.money(cap) == (NANO_OF_ANSWER, 2 * NANO_PER_CENT), "the lease", LONG_S)
        wait_until(lambda: _leased(ann.ledger) == 2 * NANO_PER_CENT, "the lease on the laptop", LONG_S)
        team.site.cluster.kill()
        assert ask(ann)
        assert ask(ann, 4_050)
        with pytest.raises(openai.InternalServerError):
            ask(ann)
        assert count_untold(ann.ledger) >= 2
        team.site.cluster.start()
        wait_until(lambda: count_untold(ann.ledger) == 0, "what was spent of the lease to be told", LONG_S)
        wait_until(lambda: team.money(cap)[0] == 3 * NANO_OF_ANSWER, "what was spent of the lease", LONG_S)
    assert team.money(cap) == (3 * NANO_OF_ANSWER, 0)
    assert len(team.provider.seen) == 3


def test_a_killed_meter_and_a_killed_server_lose_and_double_nothing(team: Team) -> None:
    cap = team.set_cap(1_000 * NANO_PER_CENT)
    stopping = threading.Event()

    def keep_asking(laptop: RunningMeter) -> None:
        while not stopping.is_set():
            try:
                ask(laptop)
            except openai.APIError:
                stopping.wait(0.2)

    with ThreadPoolExecutor() as pool:
        with team.laptop("bob") as bob:
            _start_killed_laptop(team)
            work = [pool.submit(keep_asking, bob) for _ in range(3)]
            wait_until(lambda: bob.count() >= 3, "calls", LONG_S)
            team.site.cluster.kill()
            wait_until(lambda: count_untold(bob.ledger) >= 1, "calls that could not be told", LONG_S)
            team.site.cluster.start()
            wait_until(lambda: team.calls() >= 8, "calls of both in the team's ledger", LONG_S)
            stopping.set()
            for one in work:
                one.result(LONG_S)
        with team.laptop("ann") as ann:
            wait_until(lambda: count_untold(ann.ledger) == 0, "what the dead meter left", LONG_S)
            wait_until(lambda: team.money(cap)[1] == 0, "no hold that is left", LONG_S)
    charged = sum(_charged(team, "ann")) + sum(_charged(team, "bob"))
    assert team.money(cap)[0] == charged
    assert charged >= NANO_OF_ANSWER * len(team.provider.seen)
    assert team.calls() == len({*_ids(team, "ann"), *_ids(team, "bob")})


def _start_killed_laptop(team: Team) -> None:
    """A meter that is killed with a call on its way, and one that has ended."""
    home = team.tmp_path / "ann"
    home.mkdir(mode=0o700)
    ledger = open_ledger(home / "ledger.sqlite")
    _key, token = issue_key(ledger, name="killed", tags=Tags(project="billing-api", agent="test", user="ann"))
    process = start_process(home, {"openai": team.provider.url}, team.keys("ann"), team.words("ann"))
    laptop = RunningMeter(process, str(read_event(process)["gateway"]), "", ledger, token, home)
    ask(laptop)
    seen, hold = itertools.count(), threading.Event()

    def answer(_seen: object) -> object:
        if next(seen) == 0:
            hold.wait(LONG_S)
        return chat_completion(1_000, 4_000)

    team.provider.answer = answer  # type: ignore[assignment]
    before = len(team.provider.seen)
    lost = threading.Thread(target=lambda: _ignore(laptop), daemon=True)
    lost.start()
    wait_until(lambda: len(team.provider.seen) > before, "the call on its way")
    process.kill()
    process.wait()
    hold.set()
    lost.join(LONG_S)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    ledger.close()


def _ignore(laptop: RunningMeter) -> None:
    try:
        openai_client(laptop.gateway, laptop.token).with_options(max_retries=0).chat.completions.create(
            model=MODEL, max_completion_tokens=4_500, messages=[{"role": "user", "content": "hello"}]
        )
    except openai.APIError:
        return


def _leased(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return int(connection.exec_driver_sql("SELECT coalesce(sum(amount_nano_usd), 0) FROM team_leases").scalar_one())


def _ids(team: Team, member: str) -> list[str]:
    return list(_ended(team, member))


def _charged(team: Team, member: str) -> list[int]:
    return list(_ended(team, member).values())


def _ended(team: Team, member: str) -> dict[str, int]:
    """What the caps of a laptop carry for each call that was sent."""
    ledger = open_ledger(team.tmp_path / member / "ledger.sqlite")
    try:
        with ledger.read() as connection:
            asked = "SELECT call_id, charged_nano_usd FROM calls WHERE outcome <> 'refused'"
            return {str(row[0]): int(row[1]) for row in connection.exec_driver_sql(asked)}
    finally:
        ledger.close()
