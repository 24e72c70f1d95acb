"""Until when a client must have sent what it began to send. A head has a time; a body may take longer while it comes
fast enough, as in mitmproxy's own layer (`strict_http`).
"""

import time

from mitmproxy.proxy import commands, events, layer

from proxy_addon.limits import BODY_S, HEAD_S, SLOWEST_BYTES_PER_S


class Deadline:
    """One at a time. To be told of every event that is a `Wakeup`."""

    def __init__(self) -> None:
        self._due: float | None = None
        self._is_body = False
        self._came = 0
        self._alarm: commands.RequestWakeup | None = None
        self._alarms: set[commands.Command] = set()

    def count(self, came: int) -> None:
        """So many bytes more came."""
        self._came += came

    def clear(self) -> None:
        """Nothing is waited for."""
        self._due = None

    def await_head(self) -> layer.CommandGenerator[None]:
        """A head has begun. One that had is not given more time."""
        if self._due is None or self._is_body:
            yield from self._set(HEAD_S, is_body=False)

    def await_body(self) -> layer.CommandGenerator[None]:
        """A body is on its way."""
        if self._due is None or not self._is_body:
            yield from self._set(BODY_S, is_body=True)

    def is_own(self, event: events.Event) -> bool:
        """Whether an alarm rings that was set here."""
        return isinstance(event, events.Wakeup) and event.command in self._alarms

    def is_missed(self, event: events.Wakeup) -> layer.CommandGenerator[bool]:
        """Whether it came to nothing. Where there is time left, the alarm is set again."""
        self._alarms.discard(event.command)
        if event.command is not self._alarm or self._due is None:
            return False
        left = self._due - time.monotonic()
        if self._is_body:
            left += self._came / SLOWEST_BYTES_PER_S
        if left <= 0:
            return True
        yield self._ring_in(left)
        return False

    def _set(self, seconds: float, *, is_body: bool) -> layer.CommandGenerator[None]:
        self._due, self._is_body, self._came = time.monotonic() + seconds, is_body, 0
        yield self._ring_in(seconds)

    def _ring_in(self, seconds: float) -> commands.RequestWakeup:
        self._alarm = alarm = commands.RequestWakeup(seconds)
        self._alarms.add(alarm)
        return alarm
