"""A cap in words: its name and kind, how close it is, and where its pace leads."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.caps import Action, Cap, cap_name
from app.core.money import format_usd
from app.core.tags import Scope
from app.core.windows import Window
from app.desktop.formats import day, plural, relative_phrase, rough_span
from app.desktop.models.snapshot import Snapshot
from app.insight.forecast import runs_out_at
from app.ledger.cap_store import CapStatus, Level

_ONE_HOUR = timedelta(hours=1)
_TWO_DAYS = timedelta(days=2)

_SCOPES = {Scope.EVERYTHING: "All spending", Scope.VIRTUAL_KEY: "Virtual key"}
_ACTIONS = {Action.PAUSE: "pause and ask", Action.BLOCK: "block", Action.ALERT: "alert only"}


@dataclass(frozen=True, slots=True)
class CapView:
    """What a row about a cap says. `pace` is empty where it is too early to tell; `page_pace` stands where the reset is
    told beside it. `team` is whose cap it is, empty for the own ones; a lead sets it, so that others cannot change it
    while it `is_locked`. `is_old`: the team is away, and the figures are the last that it told."""

    status: CapStatus
    name: str
    kind: str
    level: Level
    pace: str
    resets: str
    page_pace: str
    team: str = ""
    is_locked: bool = False
    is_old: bool = False

    @property
    def cap_id(self) -> str:
        """The cap's id."""
        return self.status.cap.cap_id


def cap_views(snapshot: Snapshot) -> tuple[CapView, ...]:
    """All caps of a reading; those at their limit first, then those near it, each tightest first."""
    return _by_level(_view(status, snapshot) for status in snapshot.caps)


def all_cap_views(snapshot: Snapshot) -> tuple[CapView, ...]:
    """The same, with the team's among them."""
    return _by_level((*cap_views(snapshot), *(_team_view(status, snapshot) for status in snapshot.team.caps)))


def scope_word(scope: Scope) -> str:
    """A scope as a person reads it."""
    return _SCOPES.get(scope, scope.value.replace("_", " ").capitalize())


def kind_line(cap: Cap) -> str:
    """`Project · pause and ask`."""
    return f"{scope_word(cap.scope)} · {_ACTIONS[cap.action]}"


def _by_level(views: Iterable[CapView]) -> tuple[CapView, ...]:
    order = (Level.AT, Level.NEAR, Level.FINE)
    return tuple(sorted(views, key=lambda view: order.index(view.level)))


def _team_view(status: CapStatus, snapshot: Snapshot) -> CapView:
    team = snapshot.team
    view = replace(_view(status, snapshot), team=team.name, is_locked=not team.is_led)
    if not team.is_away or team.read_at is None:
        return view
    return replace(
        view, page_pace=f"As it was {relative_phrase(team.read_at, snapshot.read_at, snapshot.zone)}", is_old=True
    )


def _view(status: CapStatus, snapshot: Snapshot) -> CapView:
    now, zone = snapshot.read_at, snapshot.zone
    needs = [ask.worst_nano_usd for ask in snapshot.held_back if ask.cap_id == status.cap.cap_id]
    runs_out = _runs_out_at(status, now)
    level = status.level
    if needs:
        level = Level.AT
    elif (
        level is Level.FINE and runs_out is not None and runs_out - now <= _ONE_HOUR and _ends_before(status, runs_out)
    ):
        level = Level.NEAR
    pace = _pace(status, level, runs_out, now, zone)
    return CapView(
        status,
        _name(status.cap, snapshot),
        kind_line(status.cap),
        level,
        pace,
        _resets(status, now, zone),
        _page_pace(status, level, needs) or pace,
    )


def _name(cap: Cap, snapshot: Snapshot) -> str:
    """As people call it; a virtual key's by the key's name."""
    told = cap_name(cap)
    key = next((key for key in snapshot.keys if key.key_id == cap.scope_key), None)
    return told if key is None or cap.scope is not Scope.VIRTUAL_KEY else f"{key.name}, {told.rpartition(', ')[2]}"


def _page_pace(status: CapStatus, level: Level, needs: list[int | None]) -> str:
    """Who waits at a cap that is used up; empty where nobody does."""
    if level is not Level.AT or not needs:
        return ""
    left = status.remaining_nano_usd
    said = f"{format_usd(left)} left." if left else "Used up."
    if len(needs) > 1:
        return f"{said} {len(needs):,} calls wait."
    most = "an unknown amount" if needs[0] is None else f"up to {format_usd(needs[0])}"
    return f"{said} A call that needs {most} waits."


def _runs_out_at(status: CapStatus, now: datetime) -> datetime | None:
    if status.starts_at is None or status.ends_at is None:
        return None
    return runs_out_at(
        spent_nano_usd=status.spent_nano_usd,
        left_nano_usd=status.remaining_nano_usd,
        starts_at=status.starts_at,
        ends_at=status.ends_at,
        now=now,
    )


def _ends_before(status: CapStatus, instant: datetime) -> bool:
    return status.ends_at is not None and instant < status.ends_at


def _pace(status: CapStatus, level: Level, runs_out: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    unpriced = f". {plural(status.unpriced_calls, 'call')} without a price" if status.has_unpriced else ""
    if level is Level.AT:
        left = status.remaining_nano_usd
        said = f"{format_usd(left)} left." if left else "Used up."
        return said + _resets_in(status, now) + unpriced
    if runs_out is None:
        return unpriced.removeprefix(". ")
    if _ends_before(status, runs_out):
        return _runs_out(runs_out, now, zone) + unpriced
    return _lasts(status, zone) + unpriced


def _runs_out(runs_out: datetime, now: datetime, zone: ZoneInfo) -> str:
    left = runs_out - now
    return f"Runs out in {rough_span(left)}" + (f", on {day(runs_out.astimezone(zone))}" if left >= _TWO_DAYS else "")


def _lasts(status: CapStatus, zone: ZoneInfo) -> str:
    if status.cap.window is Window.WEEK and status.ends_at is not None:
        return f"Lasts until {status.ends_at.astimezone(zone) - timedelta(seconds=1):%A}"
    return "Lasts the day" if status.cap.window is Window.DAY else "Lasts the month"


def _resets_in(status: CapStatus, now: datetime) -> str:
    return "" if status.ends_at is None else f" Resets in {rough_span(status.ends_at - now)}"


def _resets(status: CapStatus, now: datetime, zone: ZoneInfo) -> str:
    if status.ends_at is None:
        return "Anew each session" if status.cap.window is Window.SESSION else "Never resets"
    left = status.ends_at - now
    if left < _TWO_DAYS:
        return f"Resets in {rough_span(left)}"
    return f"Resets {day(status.ends_at.astimezone(zone))}"
