"""The composition root of the desktop: makes every part, wires them, and runs until the tray is quit."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from app import paths
from app.core.errors import AppError
from app.core.session import SessionId
from app.core.windows import zone
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.first_run.window import FirstRun
from app.desktop.ledger_feed import LedgerFeed
from app.desktop.lost_ledger import opened_or_restored
from app.desktop.meter_process import MeterKeeper
from app.desktop.models.columns import Clock
from app.desktop.models.setup_steps import is_new
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.team_reading import NO_TEAM, TeamReading
from app.desktop.notifications import Notifier
from app.desktop.popover import Popover
from app.desktop.quit_signals import QuitSignals
from app.desktop.single_instance import SingleInstance
from app.desktop.tasks import Tasks
from app.desktop.team_watch import TeamWatch
from app.desktop.theme import ThemeSwitch
from app.desktop.tray import Tray
from app.desktop.ui_thread import UiThread
from app.desktop.window import Window
from app.keys.vault import KeyringVault, Vault
from app.ledger.attendance import attend_keeper
from app.ledger.engine import Ledger
from app.ledger.meter_state import Meter
from app.services.exports.running import Exports
from app.services.jobs import start_jobs
from app.services.keeper import Keeper
from app.services.meter import renew_older, start_command
from app.services.own_command import as_typed, own_command
from app.services.settings import Settings, settings_zone
from app.services.told import NAME as TOLD_NAME

NO_TRAY_AFTER_MS = 5_000


def run_desktop(
    ledger_path: Path,
    settings: Settings,
    *,
    vault: Vault | None = None,
    keeps_meter: bool = True,
    opens_window: bool = False,
    offers_setup: bool = False,
) -> int:
    """Show the tray until it is quit; returns the exit status.

    A second start on the same ledger shows the first one's window instead and returns 0. `vault` None means the system
    keyring. `offers_setup` shows the first run where the ledger is new. `keeps_meter` False leaves starting and
    restarting the meter to whoever called. `opens_window` shows the window at once. A ledger that is damaged or gone
    can be put back first; 1 is returned when the person does not want that. Raises LedgerError when it cannot be
    opened.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Bursar")
    app.setDesktopFileName("bursar")
    with ExitStack() as stack:
        stack.callback(QuitSignals(app).release)
        instance = SingleInstance(ledger_path)
        if not instance.claim():
            return 0
        stack.callback(instance.release)
        ledger = opened_or_restored(app, ledger_path, settings.theme)
        if ledger is None:
            return 1
        stack.callback(ledger.close)
        desktop = Desktop(
            app, ledger, settings, vault or KeyringVault(), keeps_meter=keeps_meter, offers_setup=offers_setup
        )
        stack.callback(desktop.stop)
        instance.asked.connect(desktop.window.bring_up)
        desktop.start(opens_window=opens_window)
        return app.exec()


class Desktop(QObject):
    """All parts of one running tray."""

    def __init__(
        self, app: QApplication, ledger: Ledger, settings: Settings, vault: Vault, *, keeps_meter: bool,
        offers_setup: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self._app = app
        self._ledger = ledger
        self._settings = settings
        time_zone = zone(settings_zone(settings))
        self._theme = ThemeSwitch(app, settings.theme)
        self._ui_thread = UiThread()
        self.tasks = Tasks()
        self.commands = Commands(ledger, vault, self.tasks, paths.settings_path(), time_zone.key)
        log_file = paths.log_folder() / "meter-start.log"
        self.keeper = MeterKeeper(start_command(settings, ledger.path), log_file)
        self._presence = attend_keeper(ledger, settings.gateway_port) if keeps_meter else None
        if not keeps_meter:
            self.keeper.leave_alone()
        self._state = QSettings(
            str(paths.made_private(paths.config_folder() / "window.ini")), QSettings.Format.IniFormat
        )
        clock = Clock(datetime.now(UTC), time_zone)
        self.window = Window(self.commands, settings, time_zone, clock, self._state)
        self.popover = Popover(self.commands)
        self.tray = Tray(self.commands, self.popover, settings.tray_ink)
        told_file = ledger.path.with_name(TOLD_NAME)
        self.notifier = Notifier(self.tasks, self.commands, self.tray.icon.showMessage, settings, told_file)
        self.feed = LedgerFeed(ledger, time_zone, told_until=self.notifier.told.alert_id)
        self.team_watch = TeamWatch(paths.settings_path(), vault, self.notifier.told)
        self._team = NO_TEAM
        self._jobs = start_jobs(ledger, settings.backups_kept)
        self._exports = Exports(ledger, paths.settings_path(), vault, "the tray")
        self.first_run: FirstRun | None = None
        self._offers_setup = offers_setup and not settings.is_set_up
        self._snapshot: Snapshot | None = None
        self._trouble = ""
        self._is_stopped = False
        self._wire()

    def start(self, *, opens_window: bool = False) -> None:
        """Begin to read and to show."""
        self._app.setQuitOnLastWindowClosed(False)
        self._ui_thread.begin()
        if self._presence is not None:
            self.tasks.run(lambda: renew_older(self._settings, self._ledger.path), lambda _count: None)
        self.feed.start()
        self.team_watch.start()
        self._exports.start()
        QTimer.singleShot(NO_TRAY_AFTER_MS, self, self._look_for_tray)
        if opens_window:
            self.window.bring_up()

    def stop(self) -> None:
        """End all threads and destroy the windows; the meter goes on. Safe to call twice."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self.keeper.leave_alone()
        if self._presence is not None:
            self._presence.release()
        self.feed.stop()
        self.team_watch.stop()
        self._exports.stop()
        self._jobs.stop()
        self.notifier.stop()
        self.tasks.stop()
        self.tray.icon.hide()
        if self.first_run is not None:
            self.first_run.ended.disconnect(self._end_setup)
            destroy(self.first_run)
        destroy(self.popover, self.window, self.tray.menu, self.tray)
        self._ui_thread.end()
        self._state.sync()  # nothing is written once the folder may be gone

    def open_page(self, name: str) -> None:
        """Show the window, at a page where one is named."""
        self.popover.hide()
        if name:
            self.window.open_page(name)
        self.window.bring_up()

    def open_session(self, one: SessionId) -> None:
        """Show the window, at the calls of a session."""
        self.popover.hide()
        self.window.open_session(one)
        self.window.bring_up()

    def open_setup(self) -> None:
        """Show the first run, or bring it to the front."""
        self._offers_setup = False
        if self.first_run is None:
            self.first_run = FirstRun(self.commands, as_typed(own_command()), datetime.now(UTC))
            self.first_run.ended.connect(self._end_setup)
            if self._snapshot is not None:
                self.first_run.show_snapshot(self._snapshot)
        self.first_run.show()
        self.first_run.raise_()
        self.first_run.activateWindow()

    def _end_setup(self, page: str) -> None:
        """It is not shown by itself again."""
        ended, self.first_run = self.first_run, None
        if ended is not None:
            ended.deleteLater()
        self.commands.change_settings(self.window.settings.show_settings, self._tell_by_tray, is_set_up=True)
        if page or self._app.quitOnLastWindowClosed():
            self.open_page(page)

    def _wire(self) -> None:
        self.feed.read.connect(self._show)
        self.team_watch.read.connect(self._show_team)
        self.feed.alerted.connect(self.notifier.tell_alerts)
        self.team_watch.alerted.connect(self.notifier.tell_team_alerts)
        self.notifier.opened.connect(self.open_page)
        self.tray.icon.messageClicked.connect(self.notifier.open_last)
        self.feed.meter_seen.connect(self._see_meter)
        self.feed.failed.connect(self._show_failure)
        self.keeper.changed.connect(self._show_trouble)
        self.window.refreshed.connect(self.feed.refresh)
        self.window.settings.changed.connect(self._take_settings)
        self.window.settings.setup_wanted.connect(self.open_setup)
        self.window.retried.connect(self.keeper.start_again)
        self.popover.retried.connect(self.keeper.start_again)
        self.popover.opened.connect(self.open_page)
        self.popover.session_asked.connect(self.open_session)
        self.tray.opened.connect(self.open_page)
        self.tray.failed.connect(self._tell_by_tray)
        self.tray.quit_asked.connect(self._app.quit)
        self.tray.stop_asked.connect(self._quit_and_stop)

    def _show(self, snapshot: Snapshot) -> None:
        self._snapshot = replace(snapshot, trouble=self._trouble)
        self._render()

    def _show_team(self, reading: TeamReading) -> None:
        """The team's caps, and its calls that wait for this lead, stand beside the own ones."""
        self._team = reading
        self._render()

    def _with_team(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, waiting=snapshot.waiting + self._team.to_answer, team=self._team)

    def _render(self) -> None:
        if self._snapshot is not None and not self._is_stopped:  # a reading may still be on its way after the end
            shown = self._with_team(self._snapshot)
            self.notifier.follow(shown)
            for view in (self.tray, self.window, self.popover):
                view.show_snapshot(shown)
            if self.first_run is not None:
                self.first_run.show_snapshot(shown)
            if self._offers_setup:
                self._offers_setup = False
                if is_new(self._snapshot):
                    self.open_setup()

    def _see_meter(self, meter: Meter | None, kept: Keeper | None) -> None:
        """The supervisor acts on every sight; the views are told when it came or went, also without a write."""
        self.keeper.saw(meter, kept)
        if self._snapshot is not None and self._snapshot.meter != meter:
            self._snapshot = replace(self._snapshot, meter=meter)
            self._render()

    def _show_failure(self, error: AppError) -> None:
        """The last reading stays true, and is shown with what is wrong, until there is another."""
        self.window.show_failure(error)
        told = (error.title, error.message)
        if self._snapshot is not None and self._snapshot.ledger_trouble != told and not self._is_stopped:
            self._snapshot = replace(self._snapshot, ledger_trouble=told)
            self.popover.show_snapshot(self._with_team(self._snapshot))

    def _show_trouble(self, trouble: str) -> None:
        self._trouble = trouble
        if self._snapshot is not None:
            self._snapshot = replace(self._snapshot, trouble=trouble)
            self._render()

    def _take_settings(self, settings: Settings) -> None:
        self.team_watch.look()
        self._theme.choose(settings.theme)
        self.tray.choose_ink(settings.tray_ink)
        self.notifier.take_settings(settings)

    def _tell_by_tray(self, error: AppError) -> None:
        self.tray.icon.showMessage(error.title, error.message)

    def _quit_and_stop(self) -> None:
        self.keeper.leave_alone()
        self.commands.stop_meter(self._app.quit, self._tell_by_tray)

    def _look_for_tray(self) -> None:
        """Without a tray the window is all there is, so closing it ends the program."""
        if not self._is_stopped and not QSystemTrayIcon.isSystemTrayAvailable():
            self._app.setQuitOnLastWindowClosed(True)
            self.window.no_tray.tell_missing()
            if self.first_run is None:  # else it comes after it, and not over it
                self.window.bring_up()
