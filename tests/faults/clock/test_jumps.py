"""A clock that is set: whoever sets it into another day or month must not make every cap begin anew."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.caps import Action, Mode
from app.core.errors import InvalidInput
from app.core.key_limits import KeyLimits
from app.core.money import NANO_PER_USD
from app.core.tags import Tags
from app.core.windows import Window
from app.keys.vault import FixedVault
from app.ledger.approval_store import ApprovalState, answered, approve, approve_session, refuse, waiting
from app.ledger.engine import Ledger, open_ledger
from app.ledger.key_store import KeyHolder
from app.ledger.raise_store import raise_by
from app.ledger.tables import totals
from proxy_addon.budget import Budget
from proxy_addon.calls import Calls
from proxy_addon.gate import Gate
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.meter import Meter
from proxy_addon.passage import Passage
from proxy_addon.recorder import Recorder
from proxy_addon.refusals import Cause
from proxy_addon.routes import Routes
from proxy_addon.sending import Sending
from tests.end2end.bare_http import CHAT, post
from tests.end2end.conftest import home, provider  # noqa: F401 - fixtures
from tests.end2end.meter_process import meter, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.faults.cells import cell
from tests.faults.clock.played_clock import NOON, Played, gate_by
from tests.ledger.bookkeeping import end, make_draft, set_cap, spend_money

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BODY = b'{"model": "gpt-5-mini", "messages": []}'
LIMIT = 10 * NANO_PER_USD


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def gate(ledger: Ledger, played: Played) -> Iterator[Gate]:
    with gate_by(played.clock(), ledger) as gate:
        yield gate


async def _come(gate: Gate) -> Passage:
    return await gate.pass_through(make_draft(NANO_PER_USD, session="s"), patience_s=60.0)


def _passage(gate: Gate) -> Passage:
    return asyncio.run(_come(gate))


def _left_unanswered(gate: Gate, ledger: Ledger, played: Played) -> Passage:
    async def play() -> Passage:
        coming = asyncio.create_task(_come(gate))
        await _asked(ledger)
        played.pass_time(timedelta(seconds=61))
        return await coming

    return asyncio.run(play())


async def _asked(ledger: Ledger, count: int = 1) -> None:
    await asyncio.to_thread(wait_until, lambda: len(waiting(ledger)) == count, "the question")


def _windows(ledger: Ledger) -> set[str]:
    with ledger.read() as connection:
        return set(connection.execute(select(totals.c.window_key)).scalars())


@pytest.mark.parametrize(
    ("window", "by", "said"),
    [
        pytest.param(Window.MONTH, 40 * DAY, "The clock went forward by 40 days", id="month on", marks=cell(
            "F12", "set forward by 40 days", "a call under a cap by the month", "it waits, and a person is asked")),
        pytest.param(Window.MONTH, -40 * DAY, "The clock went back by 40 days", id="month back", marks=cell(
            "F12", "set back by 40 days", "a call under a cap by the month", "it waits, and a person is asked")),
        pytest.param(Window.WEEK, 3 * DAY, "The clock went forward by 3 days", id="week", marks=cell(
            "F12", "set forward by three days", "a call under a cap by the week", "it waits, and a person is asked")),
        pytest.param(Window.DAY, HOUR, "The clock went forward by 60 minutes", id="hour on", marks=cell(
            "F12", "set forward by an hour", "a call under a cap by the day", "it waits, and a person is asked")),
        pytest.param(Window.DAY, -2 * HOUR, "The clock went back by 2 hours", id="hours back", marks=cell(
            "F12", "set back by two hours", "a call under a cap by the day", "it waits, and a person is asked")),
    ],
)  # fmt: skip
def test_a_call_under_a_cap_by_the_calendar_waits_for_a_person(
    ledger: Ledger, gate: Gate, played: Played, window: Window, by: timedelta, said: str
) -> None:
    set_cap(ledger, LIMIT, window=window)
    played.set(by)

    async def play() -> Passage:
        coming = asyncio.create_task(_come(gate))
        await _asked(ledger)
        (question,) = waiting(ledger)
        assert (question.cap_name, question.is_about_clock, question.is_about_cap) == (said, True, False)
        approve(ledger, question.approval_id, by="me")
        return await coming

    passage = asyncio.run(play())
    assert passage.is_open
    assert passage.draft.at == played.wall
    assert _passage(gate).is_open, "and nobody is asked again"


@cell("F12", "set forward by 40 days", "before anybody has said that it is right", "no new window is opened")
def test_a_clock_in_doubt_opens_no_window(ledger: Ledger, gate: Gate, played: Played) -> None:
    set_cap(ledger, LIMIT, window=Window.MONTH)
    before = _windows(ledger)
    played.set(40 * DAY)
    assert _left_unanswered(gate, ledger, played).cause is Cause.UNANSWERED
    assert _windows(ledger) == before


@cell("F12", "set by four minutes", "a call under a cap by the day", "it goes: clocks are corrected all the time")
def test_a_small_correction_stops_nobody(ledger: Ledger, gate: Gate, played: Played) -> None:
    set_cap(ledger, LIMIT, window=Window.DAY)
    for by in (4, -8, 4):
        played.set(timedelta(minutes=by))
        assert _passage(gate).is_open


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"window": Window.TOTAL}, id="total", marks=cell(
            "F12", "set forward by 40 days", "a call under a cap in total", "it goes: no window begins")),
        pytest.param({"window": Window.SESSION}, id="session", marks=cell(
            "F12", "set forward by 40 days", "a call under a cap for each session", "it goes: no window begins")),
        pytest.param({"window": Window.MONTH, "action": Action.ALERT}, id="alert", marks=cell(
            "F12", "set forward by 40 days", "a call under a cap that only alerts", "it goes")),
        pytest.param({"window": Window.MONTH, "mode": Mode.OBSERVE}, id="dry run", marks=cell(
            "F12", "set forward by 40 days", "a call under a cap in dry run", "it goes")),
        pytest.param(None, id="no cap", marks=cell(
            "F12", "set forward by 40 days", "a call under no cap", "it goes")),
    ],
)  # fmt: skip
def test_calls_that_the_calendar_cannot_stop_go_on(
    ledger: Ledger, gate: Gate, played: Played, values: dict[str, object] | None
) -> None:
    if values is not None:
        set_cap(ledger, LIMIT, **values)
    played.set(40 * DAY)
    assert _passage(gate).is_open


@cell("F12", "set forward by 40 days", "several calls wait", "one answer lets all of them go")
def test_one_answer_is_for_all_that_wait(ledger: Ledger, gate: Gate, played: Played) -> None:
    set_cap(ledger, LIMIT, window=Window.MONTH)
    played.set(40 * DAY)

    async def play() -> list[Passage]:
        coming = [asyncio.create_task(_come(gate)) for _ in range(3)]
        await _asked(ledger, 3)
        approve_session(ledger, waiting(ledger)[0].approval_id, by="me")
        return await asyncio.gather(*coming)

    assert all(passage.is_open for passage in asyncio.run(play()))
    states = [one.state for one in answered(ledger)]
    assert sorted(states) == [ApprovalState.APPROVED, ApprovalState.MOOT, ApprovalState.MOOT]


@cell("F12", "set forward by 40 days", "a person says no", "the call is refused, and the next one asks again")
def test_who_says_no_is_asked_again_with_the_next_call(ledger: Ledger, gate: Gate, played: Played) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.MONTH)
    played.set(40 * DAY)

    async def play() -> Passage:
        coming = asyncio.create_task(_come(gate))
        await _asked(ledger)
        (question,) = waiting(ledger)
        with pytest.raises(InvalidInput, match="No cap"):
            raise_by(ledger, question.cap_id, question.window_key, 1, until=None, by="me")
        refuse(ledger, question.approval_id, by="me")
        return await coming

    refused = asyncio.run(play())
    assert refused.cause is Cause.REFUSED
    assert "The clock went forward by 40 days" in refused.refusal
    again = _left_unanswered(gate, ledger, played)
    assert (again.cause, cap.cap_id in str(again.obstacle)) == (Cause.UNANSWERED, False)


@cell("F12", "set forward and back again", "a call waits", "it goes by itself")
def test_a_clock_that_is_set_right_again_lets_all_go(ledger: Ledger, gate: Gate, played: Played) -> None:
    set_cap(ledger, LIMIT, window=Window.DAY)
    played.set(DAY)

    async def play() -> Passage:
        coming = asyncio.create_task(_come(gate))
        await _asked(ledger)
        played.set(-DAY)
        return await coming

    assert asyncio.run(play()).is_open
    assert [one.state for one in answered(ledger)] == [ApprovalState.MOOT]


@cell("F12", "set forward by 40 days", "a call on its way", "charged to the window in which its money was held")
def test_a_call_on_its_way_is_charged_where_it_was_held(ledger: Ledger, gate: Gate, played: Played) -> None:
    set_cap(ledger, LIMIT, window=Window.MONTH)
    draft = _passage(gate).draft
    played.set(40 * DAY)
    assert end(ledger, draft, 7)
    with ledger.read() as connection:
        rows = connection.execute(select(totals.c.window_key, totals.c.posted_nano_usd)).all()
    assert [row.posted_nano_usd for row in rows if row.window_key == "2026-11"] == [7]


@cell("F12", "another day than the provider's", "an answer over TLS comes", "the clock is in doubt")
def test_a_providers_date_tells_a_wrong_clock(played: Played) -> None:
    clock = played.clock()
    assert clock.doubt() is None
    clock.hear(format_datetime(NOON - 3 * HOUR, usegmt=True))
    doubt = clock.doubt()
    assert doubt is not None
    assert doubt.obstacle.cap_name == "The clock went forward by 3 hours"
    assert clock.doubt() == doubt, "the same doubt, and so the same question"


@cell("F12", "set by hand to the right time", "an answer over TLS comes", "the doubt is over, and nobody is asked")
def test_a_providers_date_ends_a_doubt(played: Played) -> None:
    clock = played.clock()
    played.set(3 * HOUR)
    assert clock.doubt() is not None
    clock.hear(format_datetime(played.wall, usegmt=True))
    assert clock.doubt() is None


@cell("F12", "provider's own clock is wrong", "a person has said that ours is right", "it counts no more, until a jump")
def test_a_person_is_believed_before_a_provider(played: Played) -> None:
    clock = played.clock()
    clock.hear(format_datetime(NOON - DAY, usegmt=True))
    assert clock.doubt() is not None
    clock.vouch()
    clock.hear(format_datetime(NOON - DAY, usegmt=True))
    assert clock.doubt() is None
    played.set(HOUR)
    first = clock.doubt()
    assert first is not None
    clock.hear(format_datetime(played.wall, usegmt=True))
    assert clock.doubt() is None
    played.set(HOUR)
    played.pass_time(HOUR)
    second = clock.doubt()
    assert second is not None
    assert second.mark != first.mark, "another doubt, another question"


@pytest.mark.parametrize(("upstream", "is_heard"), [("https://provider.test", True), ("http://127.0.0.1:9", False)])
@cell(
    "F12", "another day than the provider's", "an answer comes without TLS", "passed over: anybody could have told it"
)
def test_only_a_date_that_nobody_could_change_is_heard(
    ledger: Ledger, gate: Gate, upstream: str, is_heard: bool
) -> None:
    route = Routes({"anthropic": upstream}).by_prefix("POST", "/anthropic/v1/messages")
    assert route is not None
    sending = Sending(route, "/v1/messages", (), b"", KeyHolder(Tags(), KeyLimits()), None, None)
    recorder = Recorder()
    calls = Calls(Meter(recorder, gate, ProviderKeys(FixedVault({}), recorder.post), Budget(ledger)))
    told = format_datetime(NOON - 3 * HOUR, usegmt=True).encode()
    calls.deliver(sending, 200, ((b"Date", told),), lambda: None)
    assert (gate.clock.doubt() is not None) is is_heard


@pytest.mark.parametrize(
    "told",
    ["", "yesterday", "Sat, 31 Dec 2016 23:59:60 GMT", "Sun, 22 Nov 2026 12:00:00 -0000", "\ud800", "9" * 10_000,
     "Mon, 01 Jan 0001 00:00:00 GMT"],
)  # fmt: skip
@cell("F12", "provider's date out of form", "an answer over TLS comes", "passed over")
def test_a_date_that_cannot_be_read_is_passed_over(played: Played, told: str) -> None:
    clock = played.clock()
    clock.hear(told)
    assert clock.doubt() is None


@cell("F12", "set back while no meter ran", "a meter starts", "in doubt by the ledger's newest call")
def test_a_ledger_from_the_future_is_noticed_at_the_start(played: Played) -> None:
    assert played.clock(NOON - HOUR).doubt() is None
    assert played.clock(NOON + timedelta(minutes=4)).doubt() is None
    assert played.clock(NOON + 10 * DAY).doubt() is not None


@pytest.mark.end2end
@cell("F12", "set back while no meter ran", "a call at a real meter", "it waits; one answer lets all go")
def test_a_real_meter_asks_once_and_goes_on(home: Path, provider: Provider) -> None:  # noqa: F811
    provider.answer = lambda _seen: chat_completion(10, 5)
    ledger = open_ledger(home / "ledger.sqlite")
    spend_money(ledger, 1, at=datetime.now(UTC) + 2 * DAY)
    ledger.close()
    with meter(home, {"openai": provider.url}) as running, ThreadPoolExecutor(1) as pool:
        set_cap(running.ledger, LIMIT, window=Window.MONTH)
        call = pool.submit(post, running, CHAT, BODY)
        wait_until(lambda: waiting(running.ledger), "the question")
        (told,) = json.loads(_bursar("list", "--json"))
        assert (told["about"], told["clock"], told["cap"]) == ("clock", "The clock went back by 2 days", None)
        assert "all calls go on" in _bursar("approve")
        assert call.result(30)[0] == 200
        assert post(running, CHAT, BODY)[0] == 200
    assert len(provider.seen) == 2


def _bursar(*words: str) -> str:
    command = [sys.executable, "-m", "app", "approvals", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
