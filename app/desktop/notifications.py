"""Telling a person outside the windows: the desktop's notification service on Linux, else the tray's own message.

Qt's tray message is not used on Linux: while it stands, the tray shows the message's icon in the place of the ring.
"""

import logging
import sys
from collections.abc import Callable

from app.core.money import format_usd
from app.desktop.models.approval_view import up_to, waiting_groups
from app.desktop.models.snapshot import Snapshot
from app.desktop.tasks import Tasks
from app.ledger.alert_store import Alert

_LOG = logging.getLogger(__name__)
_WAITING_SLOT = "waiting"

type Show = Callable[[str, str], None]


class Notifier:
    """Tells each thing once. `fallback` shows a title and a body where there is no notification service."""

    def __init__(self, tasks: Tasks, fallback: Show, *, is_on: bool) -> None:
        self.is_on = is_on
        self._tasks = tasks
        self._fallback = fallback
        self._told_waiting: frozenset[str] = frozenset()
        self._replaces: dict[str, int] = {}

    def tell_alerts(self, alerts: list[Alert]) -> None:
        """Alert levels that were just reached; of several for one window only the highest."""
        highest = {(alert.cap_id, alert.window_key): alert for alert in alerts}
        for alert in highest.values():
            spent = f"{format_usd(alert.spent_nano_usd)} of {format_usd(alert.limit_nano_usd)}."
            self._show(f"{alert.cap_name} is at {alert.percent}%", spent, slot=f"{alert.cap_id} {alert.window_key}")

    def tell_waiting(self, snapshot: Snapshot) -> None:
        """Calls that began to wait since the last time."""
        waiting = frozenset(approval.approval_id for approval in snapshot.waiting)
        fresh, self._told_waiting = waiting - self._told_waiting, waiting
        if not fresh:
            return
        groups = waiting_groups(snapshot)
        if len(snapshot.waiting) == 1:
            ask = snapshot.waiting[0]
            body = f"{ask.cap_name} has too little left. Next call: {up_to(ask.worst_nano_usd)}."
            self._show(f"{groups[0].agent} waits for you", body, slot=_WAITING_SLOT)
        else:
            sessions = "1 session" if len(groups) == 1 else f"{len(groups)} sessions"
            self._show(
                f"{len(snapshot.waiting)} calls wait in {sessions}", "Open Bursar to answer.", slot=_WAITING_SLOT
            )

    def _show(self, title: str, body: str, *, slot: str) -> None:
        if not self.is_on:
            return
        if sys.platform != "linux":
            self._fallback(title, body)
            return
        replaces = self._replaces.get(slot, 0)

        def done(shown: int | None) -> None:
            if shown is None:
                self._fallback(title, body)
            else:
                self._replaces[slot] = shown

        self._tasks.run(lambda: _notify(title, body, replaces), done)


def _notify(title: str, body: str, replaces: int) -> int | None:
    """Show it by the session bus. Returns the notification's id, None where no service answers."""
    from jeepney import DBusAddress, new_method_call  # not installed, and not needed, elsewhere than on Linux
    from jeepney.io.blocking import open_dbus_connection
    from jeepney.wrappers import unwrap_msg

    service = DBusAddress(
        "/org/freedesktop/Notifications", bus_name="org.freedesktop.Notifications",
        interface="org.freedesktop.Notifications",
    )  # fmt: skip
    arguments: tuple[object, ...] = ("Bursar", replaces, "", title, _plain(body), [], {}, -1)
    try:
        with open_dbus_connection(bus="SESSION") as connection:
            call = new_method_call(service, "Notify", "susssasa{sv}i", arguments)
            return int(unwrap_msg(connection.send_and_get_reply(call, timeout=2))[0])
    except Exception as error:  # noqa: BLE001 - no bus, no service, a service's own error: all mean "not by this way"
        _LOG.info("no notification service answers (%s)", type(error).__name__)
        return None


def _plain(body: str) -> str:
    """Services may read the body as markup, and agents choose the names in it."""
    return body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
