from dataclasses import replace
from datetime import UTC, datetime

from app.core.caps import Action, Cap
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window
from app.desktop.models.cap_preview import preview_words
from app.insight.back_test import BackTest, StoppedWindow

USD = NANO_PER_USD
CAP = Cap("", Scope.EVERYTHING, "", Window.DAY, 10 * USD, time_zone="Europe/Berlin")
NOTHING = BackTest(0, 0, 0, 0, ())
CALM = BackTest(40, 9 * USD, 0, 3, ())
STOPS = tuple(
    StoppedWindow(str(day), 9 * USD, datetime(2026, 10, day, 23, 30, tzinfo=UTC), 4, 6 * USD) for day in (26, 28)
)
BUSY = BackTest(90, 40 * USD, 0, 9, STOPS)


def test_a_cap_without_history_cannot_be_tried() -> None:
    assert preview_words(CAP, NOTHING, NOTHING).now == "No history to try it on."


def test_stops_are_counted_with_what_they_hold_back() -> None:
    said = preview_words(CAP, BUSY, BUSY)
    assert said.now == "This month so far it would have stopped 2 times, holding back $12.00."
    assert said.before == "Last month 2 times, first on Oct 27, with $12.00 held back."
    said = preview_words(CAP, CALM, CALM)
    assert (said.now, said.before) == ("This month so far it would have stopped nothing.", "Last month not once.")
    assert preview_words(CAP, replace(BUSY, stopped=STOPS[:1]), NOTHING).now.endswith("once, holding back $6.00.")


def test_what_only_alerts_stops_nothing() -> None:
    alert = replace(CAP, action=Action.ALERT)
    said = preview_words(alert, BUSY, BUSY)
    assert said.now == "This month so far it would have been reached 2 times."
    assert said.before == "Last month 2 times, first on Oct 27."
    assert preview_words(alert, CALM, NOTHING).now == "This month so far it would not have been reached."
