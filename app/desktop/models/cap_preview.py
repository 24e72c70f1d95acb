"""What a cap that is being typed would have done this month and last month, read and put in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from app.core.caps import Action, Cap
from app.core.history import CostedCall
from app.core.money import format_usd
from app.core.windows import zone
from app.desktop.formats import day
from app.desktop.models.chart_range import midnight, months_on
from app.desktop.questions import GoOn
from app.insight.back_test import BackTest, back_test
from app.ledger.engine import Ledger
from app.ledger.every_call import costed_calls


@dataclass(frozen=True, slots=True)
class Preview:
    """Two lines; the second may be empty."""

    now: str
    before: str


def read_preview(ledger: Ledger, cap: Cap, now: datetime, go_on: GoOn) -> Preview:
    """Hold the cap against the calls of this month and of the one before, by its own calendar. Raises LedgerError."""
    here = zone(cap.time_zone)
    local = now.astimezone(here)
    month = date(local.year, local.month, 1)
    begins, began = midnight(month, here), midnight(months_on(month, -1), here)
    calls = _while(go_on, costed_calls(ledger, began, cap.scope, cap.scope_key))
    first_of_this: list[CostedCall] = []
    last = back_test(cap, _until(begins, calls, first_of_this))
    return preview_words(cap, back_test(cap, chain(first_of_this, calls)), last)


def preview_words(cap: Cap, this: BackTest, last: BackTest) -> Preview:
    """`This month so far it would have stopped 3 times, holding back $12.40.`"""
    if not this.calls and not last.calls:
        return Preview("No history to try it on.", "")
    is_alert = cap.action is Action.ALERT
    if not this.stopped:
        now = f"This month so far it would {'not have been reached' if is_alert else 'have stopped nothing'}."
    else:
        held = "" if is_alert else f", holding back {format_usd(this.saved_nano_usd)}"
        done = "been reached" if is_alert else "stopped"
        now = f"This month so far it would have {done} {_times(len(this.stopped))}{held}."
    if not last.calls:
        return Preview(now, "")
    if not last.stopped:
        return Preview(now, "Last month not once.")
    first = day(last.stopped[0].first_stop_at.astimezone(zone(cap.time_zone)))
    held = "" if is_alert else f", with {format_usd(last.saved_nano_usd)} held back"
    return Preview(now, f"Last month {_times(len(last.stopped))}, first on {first}{held}.")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _until(instant: datetime, calls: Iterator[CostedCall], following: list[CostedCall]) -> Iterator[CostedCall]:
    """Calls before an instant, one at a time, since a month may have a million; the first one after goes into
    `following`."""
    for call in calls:
        if call.at >= instant:
            following.append(call)
            return
        yield call


def _while(go_on: GoOn, calls: Iterator[CostedCall]) -> Iterator[CostedCall]:
    """A wish that was changed meanwhile is not read to its end."""
    for call in calls:
        if not go_on():
            return
        yield call
