"""The one thread that talks to the team's ledger for the meter, over one connection.

Calls that ask at the same time go in one round trip. What the team is still to be told comes out of the laptop's own
ledger in order, and is taken out there once it was told; while the team cannot be reached it stays there. Nobody waits
for a connection: while there is none, a question is answered with why.
"""

import asyncio
import contextlib
import logging
import queue
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.core.caps import Payer
from app.core.errors import AppError, LedgerError, TeamRefused, TeamUnreachable
from app.core.reservations import Draft, Verdict
from app.core.team import Asked
from app.ledger.engine import Ledger
from app.ledger.group_writer import Operation, Writing
from app.ledger.lease_book import keep_caps, keep_leases, lease_ids
from proxy_addon.team_seat import Seat, Team
from proxy_addon.team_telling import Telling

LOOK_EVERY_S = 0.1
CAPS_EVERY_S = 30.0
LEASES_EVERY_S = 5.0
GROUP_LIMIT = 200
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
DRAIN_LIMIT_S = 10.0
MOST_PAYERS = 64
"""For so many different payers leases are kept: those whose calls came last."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A call that asks the team's caps."""

    asked: Asked
    future: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True)
class _Errand:
    """Anything else that is asked of the team. Without a future nobody waits for it, and it may be lost."""

    run: Callable[[Team], Any]
    future: "asyncio.Future[Any] | None"


class NotAsked(TeamUnreachable):
    """There was no connection, so nothing was asked. `is_refused`: since the team does not let this laptop in."""

    def __init__(self, title: str, message: str, *, is_refused: bool = False) -> None:
        super().__init__(title, message)
        self.is_refused = is_refused


type _Job = _Entry | _Errand


class TeamLine:
    """Owns the thread. From that thread it calls `on_news` when the team's ledger changed. `post` has the laptop's own
    ledger written by its one writer; `laptop_id` tells its leases from those of the member's other machines."""

    def __init__(
        self,
        seat: Seat,
        ledger: Ledger,
        post: Callable[[Operation], object],
        *,
        laptop_id: Callable[[], str],
        on_news: Callable[[], object],
    ) -> None:
        self.seat = seat
        self._ledger = ledger
        self._post = post
        self._laptop_id = laptop_id
        self._on_news = on_news
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="team-ledger", daemon=True)
        self._team: Team | None = None
        self._trouble: AppError | None = None
        self._pause_s, self._connect_at = FIRST_PAUSE_S, 0.0
        self._payers: OrderedDict[Payer, Draft] = OrderedDict()
        self._telling = Telling(ledger, post)
        self._stop_at: float | None = None
        self._caps_at, self._leases_at = 0.0, 0.0
        self._has_caps_news = False

    @property
    def is_away(self) -> bool:
        """Whether the team's ledger cannot be asked at this moment."""
        return self._team is None

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    async def reserve(self, asked: Asked) -> Verdict:
        """Hold one call's money in the team's caps. Raises LedgerError; then it may be held all the same."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Entry(asked, future))
        return await future

    async def run[T](self, errand: Callable[[Team], T]) -> T:
        """Ask something else. Raises LedgerError."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Errand(errand, future))
        return await future

    def post(self, errand: Callable[[Team], object]) -> None:
        """Ask something whose answer nobody waits for. It is left out while the team cannot be reached."""
        self._jobs.put(_Errand(errand, None))

    def stop(self, *, is_last: bool) -> None:
        """Tell the team what is left and end the thread. Blocks, for ten seconds at most, and not where the team
        cannot be reached; what could not be told then stays in the ledger. Leases are given back where this is the
        laptop's last meter."""
        if is_last:
            self._jobs.put(_Errand(self._give_back, None))
        self._jobs.put(None)
        self._thread.join(DRAIN_LIMIT_S + 5)

    def _work(self) -> None:
        while not self._is_over():
            jobs = self._collect()
            team = self._connected()
            if team is None:
                _fail(jobs, _not_asked(self._trouble))
                if self._stop_at is not None:
                    return
                continue
            try:
                self._serve(team, jobs)
                self._telling.tell(team)
                self._listen(team)
                self._keep_up(team)
            except LedgerError as error:
                self._lose(error)
        if self._team is not None:
            self._team.close()

    def _is_over(self) -> bool:
        """Whether the end was asked for, and all is told or the time for it is over."""
        if self._stop_at is None:
            return False
        if time.monotonic() >= self._stop_at:
            return True
        return self._telling.is_done()

    def _collect(self) -> list[_Job]:
        """What is asked, in order."""
        jobs: list[_Job] = []
        with contextlib.suppress(queue.Empty):
            job = self._jobs.get(timeout=LOOK_EVERY_S)
            while job is not None:
                jobs.append(job)
                if len(jobs) >= GROUP_LIMIT:
                    return jobs
                job = self._jobs.get_nowait()
            self._stop_at = time.monotonic() + DRAIN_LIMIT_S
            self._telling.writer_has_ended()
        return jobs

    def _connected(self) -> Team | None:
        """The team's ledger; None while it cannot be reached."""
        if self._team is None and (time.monotonic() >= self._connect_at or self._stop_at is not None):
            try:
                self._team = self.seat.connect()
            except AppError as error:
                self._lose(error)
            else:
                logger.info("connected to the team's ledger")
                self._trouble, self._pause_s = None, FIRST_PAUSE_S
                self._caps_at = self._leases_at = 0.0
                self._tell_news()
        return self._team

    def _lose(self, error: AppError) -> None:
        """Without a connection for now; the pause before the next try grows."""
        if self._trouble is None or str(self._trouble) != str(error):
            logger.warning("the team's ledger cannot be asked: %s", error)
        if self._team is not None:
            with contextlib.suppress(LedgerError):
                self._team.close()
        self._team, self._trouble = None, error
        self._connect_at = time.monotonic() + self._pause_s * random.uniform(0.5, 1.0)
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)

    def _serve(self, team: Team, jobs: list[_Job]) -> None:
        """Answer what was asked: calls in one round trip, the rest one by one. Raises LedgerError once all were told of
        it."""
        entries = [job for job in jobs if isinstance(job, _Entry)]
        errands = [job for job in jobs if isinstance(job, _Errand)]
        try:
            if entries:
                self._note_payers(entries)
                verdicts = team.reserve([entry.asked for entry in entries])
                _resolve((entry.future, verdict) for entry, verdict in zip(entries, verdicts, strict=True))
                entries = []
            while errands:
                _resolve([(errands[0].future, _outcome(errands[0], team))])
                errands.pop(0)
        except LedgerError as error:
            _fail([*entries, *errands], error)
            raise
        except Exception as error:
            logger.exception("the team's ledger could not be asked")
            _fail([*entries, *errands], error)

    def _note_payers(self, entries: Iterable[_Entry]) -> None:
        for entry in entries:
            payer = entry.asked.draft.payer
            self._payers.pop(payer, None)
            self._payers[payer] = entry.asked.draft
            if len(self._payers) > MOST_PAYERS:
                self._payers.popitem(last=False)

    def _listen(self, team: Team) -> None:
        news = team.listen()
        self._has_caps_news |= "caps" in news
        if news:
            self._tell_news()

    def _tell_news(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended before us
            self._on_news()

    def _keep_up(self, team: Team) -> None:
        """Note the team's caps, and see that there is something to go on with without it."""
        now = time.monotonic()
        if self._stop_at is not None:
            return
        if self._has_caps_news or now >= self._caps_at:
            self._has_caps_news, self._caps_at = False, now + CAPS_EVERY_S
            caps = team.caps()
            self._post(Writing(keep_caps, caps))
        if self.seat.lease_nano_usd and self._payers and now >= self._leases_at:
            self._leases_at = now + LEASES_EVERY_S
            leases = team.leases(list(self._payers.values()), self.seat.lease_nano_usd, self._laptop_id())
            self._post(Writing(keep_leases, leases))

    def _give_back(self, team: Team) -> None:
        self._telling.tell(team)
        with self._ledger.write() as connection:
            held = lease_ids(connection)
            keep_leases(connection, [])
        if held:
            team.give_back(held)


def _outcome(errand: _Errand, team: Team) -> Any:
    """What came of an errand: its result, or an error of its own. Raises LedgerError."""
    try:
        return errand.run(team)
    except LedgerError:
        raise
    except Exception as error:  # noqa: BLE001 - it is handed to whoever asked
        return error


def _not_asked(trouble: AppError | None) -> NotAsked:
    if trouble is None:
        return NotAsked("Your team's ledger is not connected yet", "Try again in a moment.")
    return NotAsked(trouble.title, trouble.message, is_refused=isinstance(trouble, TeamRefused))


def _fail(jobs: Iterable[_Job], error: Exception) -> None:
    _resolve((job.future, error) for job in jobs)


def _resolve(answers: "Iterable[tuple[asyncio.Future[Any] | None, Any]]") -> None:
    for future, answer in answers:
        if future is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended before us
                future.get_loop().call_soon_threadsafe(_tell_one, future, answer)


def _tell_one(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():  # nobody waits any more
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
