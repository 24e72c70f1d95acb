"""Odd days, other zones, midnight and sleep: money belongs to the window in which it was held."""

import asyncio
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.core.caps import Action, Cap
from app.core.money import NANO_PER_USD
from app.core.windows import Window
from app.ledger.approval_store import waiting
from app.ledger.engine import Ledger
from app.ledger.holding import extend
from app.ledger.tables import totals
from proxy_addon import clock
from proxy_addon.clock import Clock, boot_seconds
from proxy_addon.passage import Passage
from proxy_addon.refusals import Cause
from tests.end2end.bare_http import CHAT, post
from tests.end2end.conftest import home, provider  # noqa: F401 - fixtures
from tests.end2end.meter_process import meter, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.faults.cells import cell
from tests.faults.clock.played_clock import Played, gate_by
from tests.ledger.bookkeeping import end, make_draft, reserve, set_cap

BERLIN = ZoneInfo("Europe/Berlin")
LIMIT = 10 * NANO_PER_USD
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def spent(ledger: Ledger) -> dict[str, int]:
    """What each window of the only cap has spent."""
    with ledger.read() as connection:
        rows = connection.execute(select(totals.c.window_key, totals.c.posted_nano_usd)).all()
    return {row.window_key: row.posted_nano_usd for row in rows if row.posted_nano_usd}


def spend_at(ledger: Ledger, cap: Cap, *moments: datetime) -> None:
    """A nano-dollar at each of these moments."""
    assert cap.limit_nano_usd == LIMIT
    for at in moments:
        draft = make_draft(5, at=at)
        assert reserve(ledger, draft).is_admitted
        assert end(ledger, draft, 1)


def berlin(year: int, month: int, day: int, hour: int, minute: int = 30, *, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN, fold=fold).astimezone(UTC)


@cell("F13", "clocks go back", "calls in both hours of the same name", "one day of 25 hours, one window")
def test_the_hour_that_comes_twice_is_in_one_day(ledger: Ledger) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.DAY, time_zone="Europe/Berlin")
    first, again = berlin(2026, 10, 25, 2), berlin(2026, 10, 25, 2, fold=1)
    assert again - first == HOUR
    spend_at(ledger, cap, berlin(2026, 10, 25, 0, 0), first, again, berlin(2026, 10, 25, 23, 59))
    spend_at(ledger, cap, berlin(2026, 10, 26, 0, 0))
    assert spent(ledger) == {"2026-10-25": 4, "2026-10-26": 1}


@cell("F13", "clocks go forward", "calls before and after the hour that is left out", "one day of 23 hours, one window")
def test_the_hour_that_never_comes_parts_no_day(ledger: Ledger) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.DAY, time_zone="Europe/Berlin")
    before = berlin(2026, 3, 29, 1, 59)
    spend_at(ledger, cap, before, before + 2 * 60 * SECOND, berlin(2026, 3, 29, 23, 59))
    assert spent(ledger) == {"2026-03-29": 3}


@cell(
    "F13", "clocks go back over midnight", "calls on the day that the calendar shows twice", "the new day, once begun"
)
def test_a_day_that_has_begun_is_not_left_again(ledger: Ledger) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.DAY, time_zone="America/St_Johns")
    midnight = datetime(2006, 10, 29, 2, 30, tzinfo=UTC)  # at 0:01 the clocks went back to 23:01
    spend_at(ledger, cap, midnight, midnight + 2 * 60 * SECOND, midnight + 30 * 60 * SECOND)
    assert spent(ledger) == {"2006-10-29": 3}


@pytest.mark.parametrize(
    ("last", "key"),
    [(date(2026, 1, 31), "2026-01"), (date(2026, 2, 28), "2026-02"), (date(2028, 2, 29), "2028-02"),
     (date(2026, 4, 30), "2026-04"), (date(2026, 12, 31), "2026-12")],
)  # fmt: skip
@cell("F13", "months of 28 to 31 days", "a call in a month's last and in the next one's first second", "a window each")
def test_a_month_ends_with_its_last_day_and_the_next_begins(ledger: Ledger, last: date, key: str) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.MONTH)
    end_of_it = datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=UTC)
    spend_at(ledger, cap, end_of_it, end_of_it + SECOND)
    following = f"{end_of_it + SECOND:%Y-%m}"
    assert spent(ledger) == {key: 1, following: 1}


@pytest.mark.skipif(sys.platform == "win32", reason="the zone of a process cannot be changed there")
@cell("F13", "the machine's time zone changes", "between two calls", "the cap's own zone decides, so the day goes on")
def test_who_travels_takes_the_day_along(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.DAY, time_zone="Europe/Berlin")
    evening = berlin(2026, 11, 22, 20)
    for name in ("Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"):
        monkeypatch.setenv("TZ", name)
        time.tzset()
        spend_at(ledger, cap, evening)
    monkeypatch.delenv("TZ")
    time.tzset()
    assert spent(ledger) == {"2026-11-22": 3}


@cell("F13", "leap second: the clock shows a second twice", "at midnight", "no doubt, and no day is opened anew")
def test_a_second_that_comes_twice_is_no_jump(ledger: Ledger) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.DAY)
    midnight = datetime(2017, 1, 1, tzinfo=UTC)
    played = Played(midnight - SECOND / 2)
    shown = played.clock()
    spend_at(ledger, cap, played.wall)
    played.pass_time(SECOND)
    spend_at(ledger, cap, played.wall)
    played.set(-SECOND)
    assert shown.doubt() is None
    spend_at(ledger, cap, played.wall)
    assert spent(ledger) == {"2016-12-31": 2, "2017-01-01": 1}


@cell("F14", "midnight", "while a call is on its way", "charged to the day in which it was held, to the cent")
def test_a_call_over_midnight_is_charged_to_the_day_it_began_in(ledger: Ledger) -> None:
    set_cap(ledger, LIMIT, window=Window.DAY)
    late = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    draft = make_draft(100, at=late)
    assert reserve(ledger, draft).is_admitted
    early = make_draft(100, at=late + 2 * SECOND)
    assert reserve(ledger, early).is_admitted
    assert end(ledger, draft, 70)
    assert end(ledger, early, 5)
    assert spent(ledger) == {"2026-11-22": 70, "2026-11-23": 5}


@cell("F14", "midnight", "while a hold grows", "held and cut by the day in which the call began")
def test_a_hold_that_grows_after_midnight_grows_in_its_own_day(ledger: Ledger) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.DAY)
    draft = make_draft(LIMIT - 10, at=datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))
    assert reserve(ledger, draft).is_admitted
    assert reserve(ledger, make_draft(1, at=draft.at + 2 * SECOND)).is_admitted
    with ledger.write() as connection:
        assert extend(connection, [cap], draft.call_id, 10)
        assert not extend(connection, [cap], draft.call_id, 1), "the new day's money is none of its"


def _waiting_call(ledger: Ledger, played: Played, span: timedelta, cap_day: Window = Window.DAY) -> Passage:
    """What becomes of a call that waits at a used-up cap while the machine sleeps for so long."""
    cap = set_cap(ledger, LIMIT, window=cap_day, action=Action.PAUSE)
    with ledger.write() as connection:
        connection.execute(totals.update().values(posted_nano_usd=LIMIT))
    assert cap.asks_person

    async def play() -> Passage:
        with gate_by(played.clock(), ledger) as gate:
            coming = asyncio.create_task(gate.pass_through(make_draft(5, at=played.wall), patience_s=300.0))
            await asyncio.to_thread(wait_until, lambda: waiting(ledger), "the question")
            played.pass_time(span)
            return await asyncio.wait_for(coming, 30)

    return asyncio.run(play())


@cell("F14", "midnight", "while a call waits at a cap that is used up", "it goes, in the new day")
def test_a_waiting_call_goes_when_the_day_begins(ledger: Ledger) -> None:
    played = Played(datetime.now(UTC).replace(hour=23, minute=58, second=0))
    passage = _waiting_call(ledger, played, timedelta(minutes=3))
    assert passage.is_open
    assert passage.draft.at == played.wall


@cell("F40", "asleep for eight hours", "a call waits for a person", "told at once to try again: its time is over")
def test_patience_ends_while_the_machine_sleeps(ledger: Ledger) -> None:
    played = Played(datetime.now(UTC))
    assert _waiting_call(ledger, played, 8 * HOUR, Window.TOTAL).cause is Cause.UNANSWERED


@cell("F40", "asleep over the month's end", "after waking", "no doubt, and the new month's money at once")
def test_sleep_is_no_jump_of_the_clock(ledger: Ledger) -> None:
    cap = set_cap(ledger, LIMIT, window=Window.MONTH)
    played = Played(datetime(2026, 11, 30, 18, tzinfo=UTC))
    shown = played.clock()
    spend_at(ledger, cap, shown.now())
    played.pass_time(30 * HOUR)
    assert shown.doubt() is None
    spend_at(ledger, cap, shown.now())
    assert spent(ledger) == {"2026-11": 1, "2026-12": 1}


@cell("F40", "asleep", "deadlines", "by a clock that counts sleep")
def test_deadlines_are_told_by_a_clock_that_goes_on_in_sleep() -> None:
    if sys.platform == "linux":
        assert clock._SINCE_BOOT == time.CLOCK_BOOTTIME
        assert abs(boot_seconds() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5
    assert Clock().seconds is boot_seconds


@pytest.mark.end2end
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be stopped there")
@cell("F40", "the meter stands still for a second", "an answer is coming", "it comes whole, and is settled")
def test_a_meter_that_stood_still_goes_on(home: Path, provider: Provider) -> None:  # noqa: F811
    stopped = threading.Event()
    answer = chat_completion(10, 5)
    answer.before_each_chunk = lambda _number: _wait(stopped)
    provider.answer = lambda _seen: answer
    with meter(home, {"openai": provider.url}) as running, ThreadPoolExecutor(1) as pool:
        call = pool.submit(post, running, CHAT, b'{"model": "gpt-5-mini", "messages": []}')
        wait_until(lambda: provider.seen, "the call to be sent")
        os.kill(running.process.pid, signal.SIGSTOP)
        stopped.set()
        time.sleep(1)  # what is waited for is time itself
        os.kill(running.process.pid, signal.SIGCONT)
        assert call.result(30)[0] == 200
        assert running.calls(1)[0].usage.output_tokens == 5


def _wait(event: threading.Event) -> None:
    event.wait(20)
