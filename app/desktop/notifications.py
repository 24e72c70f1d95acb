"""Telling a person outside the windows: the desktop's notification service on Linux, else the tray's own message.

Qt's tray message is not used on Linux: while it stands, the tray shows the message's icon in the place of the ring.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.errors import AppError
from app.core.session import SessionOrder
from app.desktop.commands import Commands
from app.desktop.models.notice import (
    WAITING_SLOT,
    Act,
    Notice,
    NoticeKind,
    alert_notices,
    is_quiet,
    loop_notice,
    loop_slot,
    meter_back_notice,
    meter_notice,
    trouble_notice,
    waiting_notice,
    week_notice,
    week_of,
)
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.team_reading import TeamAlerts
from app.desktop.notification_bus import NotificationBus
from app.desktop.tasks import Tasks
from app.ledger.alert_store import Alert
from app.ledger.spend_sums import Spend
from app.services.settings import Settings
from app.services.told import load_told, save_told

ALERTS_COUNT_FOR = timedelta(hours=24)
"""What a cap reached while no tray ran is told, unless it is older."""

type Show = Callable[[str, str], None]


class Notifier(QObject):
    """Tells each thing once, also over restarts. `fallback` shows a title and a body where there is no notification
    service. `opened` asks for a page of the window."""

    opened = Signal(str)
    _chosen = Signal(int, str)

    def __init__(self, tasks: Tasks, commands: Commands, fallback: Show, settings: Settings, told_file: Path) -> None:
        super().__init__()
        self._lane = tasks.lane()
        self._commands = commands
        self._fallback = fallback
        self._settings = settings
        self._file = told_file
        self.told = load_told(told_file)
        self._held: list[Alert] = []
        self._held_of_team: list[TeamAlerts] = []
        self._snapshot: Snapshot | None = None
        self._shown: dict[str, int] = {}
        self._notices: dict[int, Notice] = {}
        self._last: Notice | None = None
        self._bus = NotificationBus(self._chosen.emit)
        self._chosen.connect(self._act)

    def take_settings(self, settings: Settings) -> None:
        """Go by these from now on."""
        self._settings = settings

    def follow(self, snapshot: Snapshot) -> None:
        """Tell what is new in this reading: calls that wait, the meter gone or back, loops, alerts whose quiet hours
        end."""
        self._snapshot = snapshot
        self._tell_waiting(snapshot)
        self._tell_meter(snapshot)
        self._tell_week(snapshot)
        self._tell_loops(snapshot)
        if self._held and not self._is_quiet(snapshot.read_at):
            held, self._held = self._held, []
            self._tell_alerts(held)
        if self._held_of_team and not self._is_quiet(snapshot.read_at):
            of_team, self._held_of_team = self._held_of_team, []
            for found in of_team:
                self._tell_team_alerts(found)

    def tell_alerts(self, alerts: list[Alert]) -> None:
        """Alert levels that were reached since the last ones; held back in quiet hours."""
        if alerts and self._is_quiet(alerts[-1].told_at):
            self._held += alerts
        elif alerts:
            self._tell_alerts(alerts)

    def tell_team_alerts(self, found: TeamAlerts) -> None:
        """The same of the team's caps."""
        if found.alerts and self._is_quiet(found.alerts[-1].told_at):
            self._held_of_team.append(found)
        else:
            self._tell_team_alerts(found)

    def open_last(self) -> None:
        """The tray's own message was clicked: go where the last notification leads."""
        if self._last is not None:
            self.opened.emit(self._last.page)

    def stop(self) -> None:
        """Keep what was told, take away a question whose buttons nobody would hear any more, and leave the bus. Waits
        for what is just being shown. Safe to call twice."""
        self._lane.stop()
        save_told(self._file, self.told)
        shown = self._shown.pop(WAITING_SLOT, None)
        if shown is not None:
            self._bus.withdraw(shown)
        self._bus.stop()

    def _tell_alerts(self, alerts: list[Alert]) -> None:
        fresh = [alert for alert in alerts if self._is_recent(alert)]
        for notice in alert_notices(fresh, self._snapshot):
            self._show(notice)
        newest = max(alert.alert_id for alert in alerts)
        self._note(alert_id=max(newest, self.told.alert_id or 0))

    def _tell_team_alerts(self, found: TeamAlerts) -> None:
        fresh = [alert for alert in found.alerts if self._is_recent(alert)]
        for notice in alert_notices(fresh, self._snapshot, team=found.team):
            self._show(notice)
        self._note(team_url=found.url, team_alert_id=found.until)

    def _is_recent(self, alert: Alert) -> bool:
        return self._snapshot is None or self._snapshot.read_at - alert.told_at <= ALERTS_COUNT_FOR

    def _tell_waiting(self, snapshot: Snapshot) -> None:
        waiting = frozenset(approval.approval_id for approval in snapshot.waiting)
        fresh = waiting - self.told.waiting
        if fresh:
            self._show(waiting_notice(snapshot))
        elif not waiting:
            self._withdraw(WAITING_SLOT)
        if waiting != self.told.waiting:
            self._note(waiting=waiting)

    def _tell_loops(self, snapshot: Snapshot) -> None:
        """Loops that were not told yet. One whose calls wait is told as that; those of quiet hours are told after."""
        over = {loop_slot(one) for one in snapshot.loops if one.stands or one.tags.session in snapshot.stopped}
        for slot in over & self._shown.keys():
            self._withdraw(slot)
        if self._is_quiet(snapshot.read_at):
            return
        told_until = self.told.loops_until or 0.0
        fresh = [loop for loop in snapshot.loops if loop.told_at and loop.told_at.timestamp() > told_until]
        for loop in fresh:
            if not loop.stands and not loop.was_let_go and loop.tags.session not in snapshot.stopped:
                self._show(loop_notice(loop))
        if fresh:
            self._note(loops_until=max(loop.told_at.timestamp() for loop in fresh if loop.told_at))

    def _tell_meter(self, snapshot: Snapshot) -> None:
        """Its return is told only where its end was."""
        if snapshot.trouble and not self.told.meter_stopped and self._wants(NoticeKind.METER):
            self._show(meter_notice(snapshot.trouble))
            self._note(meter_stopped=True)
        elif not snapshot.trouble and snapshot.meter is not None and self.told.meter_stopped:
            self._show(meter_back_notice())
            self._note(meter_stopped=False)

    def _tell_week(self, snapshot: Snapshot) -> None:
        """What the past week came to, once in the new one from the chosen day on; nothing of the week in which Bursar
        was begun with."""
        week = week_of(snapshot.read_at, snapshot.zone)
        if week.key == self.told.week or self._is_quiet(snapshot.read_at) or week.starts_at is None:
            return
        is_first = not self.told.week
        if not is_first and snapshot.read_at.astimezone(snapshot.zone).weekday() < self._settings.week_told_on:
            return
        self._note(week=week.key)
        if is_first:
            return
        last = (week.starts_at - timedelta(seconds=1)).astimezone(snapshot.zone)
        past = week_of(last, snapshot.zone)
        first = (past.starts_at or last).astimezone(snapshot.zone)

        def tell(spend: Spend) -> None:
            if spend.calls:
                self._show(week_notice(spend, first, last))

        self._commands.read_spend(first, week.starts_at, tell)

    def _show(self, notice: Notice) -> None:
        if not self._wants(notice.kind):
            return
        self._last = notice
        if sys.platform != "linux":
            self._fallback(notice.title, notice.body)
            return
        slot = notice.slot

        def done(shown: int | None) -> None:
            if shown is None:
                self._fallback(notice.title, notice.body)
            else:
                self._notices.pop(self._shown.get(slot, 0), None)
                self._shown[slot] = shown
                self._notices[shown] = notice

        self._lane.run(lambda: self._bus.show(notice, self._shown.get(slot, 0)), done)

    def _withdraw(self, slot: str) -> None:
        shown = self._shown.pop(slot, None)
        if shown is not None:
            self._notices.pop(shown, None)
            self._lane.run(lambda: self._bus.withdraw(shown), lambda _none: None)

    def _act(self, shown: int, key: str) -> None:
        """A person chose something on one of ours."""
        notice = self._notices.get(shown)
        if notice is None:
            return
        if notice.approval is not None and key == Act.APPROVE:
            self._commands.approve(notice.approval, self._tell_error)
        elif notice.approval is not None and key == Act.REFUSE:
            self._commands.refuse((notice.approval,), self._tell_error)
        elif notice.loop is not None and key == Act.STOP:
            self._commands.order_session(notice.loop.tags.session, SessionOrder.STOP, self._tell_error)
        elif notice.loop is not None and key == Act.LET_GO:
            self._commands.let_go_on(notice.loop.loop_id, self._tell_error)
        elif notice.page:
            self.opened.emit(notice.page)

    def _tell_error(self, error: AppError) -> None:
        self._show(trouble_notice(error.title, error.message))

    def _wants(self, kind: NoticeKind) -> bool:
        settings = self._settings
        wanted = {
            NoticeKind.CAP: settings.notify_caps,
            NoticeKind.WAITING: settings.notify_waiting,
            NoticeKind.METER: settings.notify_meter,
            NoticeKind.WEEK: settings.notify_week,
            NoticeKind.LOOP: settings.notify_loops,
            NoticeKind.TROUBLE: True,
        }
        return settings.notifications and wanted[kind]

    def _is_quiet(self, moment: datetime) -> bool:
        zone: tzinfo | None = None if self._snapshot is None else self._snapshot.zone
        return is_quiet(moment.astimezone(zone), self._settings.quiet_from, self._settings.quiet_to)

    def _note(self, **changes: object) -> None:
        self.told = replace(self.told, **changes)  # type: ignore[arg-type]  # the callers name fields
        told = self.told
        self._lane.run(lambda: save_told(self._file, told), lambda _none: None)
