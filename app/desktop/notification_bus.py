"""The desktop's notification service on Linux, reached by the session bus, with the buttons a person presses there.

Spoken by jeepney and not by Qt's D-Bus: PySide cannot write the unsigned number that stands for the notification to
be replaced, and services refuse a call with another type. Its thread waits for signals and sleeps otherwise.
"""

import logging
import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.desktop.models.notice import Notice

if TYPE_CHECKING:
    from jeepney.io.threading import DBusConnection, DBusRouter

_LOG = logging.getLogger(__name__)
_NAME = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_TIMEOUT_S = 5.0
_AS_THE_DESKTOP_LIKES = -1

type Heard = Callable[[int, str], None]


class NotificationBus:
    """`heard` is called with a notification's id and the action that was chosen, in a thread of the bus. All methods
    may block for five seconds a step: never call them on the UI thread."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._connection: DBusConnection | None = None
        self._router: DBusRouter | None = None
        self._has_actions = False

    def show(self, notice: Notice, replaces: int) -> int | None:
        """Show it in the place of an earlier one, 0 for none. Returns its id, None where no service answers."""
        try:
            self._open()
            actions = [word for action in notice.actions for word in (action.key, action.label)]
            hints = {"desktop-entry": ("s", "bursar"), "suppress-sound": ("b", True), "category": ("s", "x-bursar")}
            arguments: tuple[object, ...] = (
                "Bursar", replaces, "", notice.title, _plain(notice.body), actions if self._has_actions else [], hints,
                _AS_THE_DESKTOP_LIKES,
            )  # fmt: skip
            return int(self._call("Notify", "susssasa{sv}i", arguments)[0])
        except Exception as error:  # noqa: BLE001 - no bus, no service, a service's own error: all mean "not by this way"
            _LOG.info("no notification service answers (%s)", type(error).__name__)
            self.stop()
            return None

    def withdraw(self, shown: int) -> None:
        """Take a notification away whose question is answered."""
        if self._router is None:
            return
        try:
            self._call("CloseNotification", "u", (shown,))
        except Exception as error:  # noqa: BLE001 - it may be gone already, and so may the service
            _LOG.info("a notification could not be withdrawn (%s)", type(error).__name__)

    def stop(self) -> None:
        """Leave the bus. Safe to call twice."""
        if self._router is not None:
            self._router.close()
        if self._connection is not None:
            self._connection.close()
        self._router = self._connection = None

    def _open(self) -> None:
        if self._router is not None:
            return
        from jeepney import MatchRule  # not installed, and not needed, elsewhere than on Linux
        from jeepney.bus_messages import message_bus
        from jeepney.io.threading import DBusRouter, Proxy, open_dbus_connection

        self._connection = open_dbus_connection(bus="SESSION", auth_timeout=_TIMEOUT_S)
        self._router = DBusRouter(_EndingConnection(self._connection))
        self._router._replies = _replies()
        self._has_actions = "actions" in self._call("GetCapabilities", None, ())[0]
        rule = MatchRule(type="signal", interface=_NAME, member="ActionInvoked", path=_PATH)
        Proxy(message_bus, self._router, timeout=_TIMEOUT_S).AddMatch(rule)
        self._router.filter(rule, queue=_Ear(self._heard))

    def _call(self, method: str, signature: str | None, arguments: tuple[object, ...]) -> Any:
        from jeepney import DBusAddress, new_method_call
        from jeepney.wrappers import unwrap_msg

        assert self._router is not None
        address = DBusAddress(_PATH, bus_name=_NAME, interface=_NAME)
        call = new_method_call(address, method, signature, arguments)
        return unwrap_msg(self._router.send_and_get_reply(call, timeout=_TIMEOUT_S))


class _EndingConnection:
    """A connection whose receiving ends in order when the bus goes away, as it does when a person logs out; jeepney's
    thread would die of it with a trace."""

    def __init__(self, connection: "DBusConnection") -> None:
        self._connection = connection

    def receive(self) -> Any:
        """The next message."""
        from jeepney.io.threading import ReceiveStopped

        try:
            return self._connection.receive()
        except OSError:
            raise ReceiveStopped("the bus is gone") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _replies() -> Any:
    """What waits for replies, so that a bus which goes away takes none that has come: jeepney's own would fail in its
    thread, and lose the reply too, where the one who asked has not been woken yet."""
    from jeepney.io.common import ReplyMatcher, RouterClosed

    class Replies(ReplyMatcher):  # type: ignore[misc] # jeepney ships no types
        def drop_all(self, exc: Exception | None = None) -> None:
            for waiting in [*self._futures.values()]:
                if not waiting.done():
                    waiting.set_exception(exc or RouterClosed("the bus is gone"))

    return Replies()


class _Ear(queue.Queue[Any]):
    """Takes the signals that jeepney puts into a queue and passes them on at once."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def put_nowait(self, item: Any) -> None:
        """A signal came."""
        self._heard(int(item.body[0]), str(item.body[1]))


def _plain(body: str) -> str:
    """Services may read the body as markup, and agents choose the names in it."""
    return body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
