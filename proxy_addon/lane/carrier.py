"""The layer that carries plain calls: it reads what a client and its provider say and writes what their turn says.

One request at a time, in the order in which they come on a client's connection. The layer never blocks, so that it
hears a client leave while its call waits. What it may not carry it hands to mitmproxy's layer, for good and with every
byte that came.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode

from proxy_addon.calls import Calls, Head
from proxy_addon.lane.deadline import Deadline
from proxy_addon.lane.heads import written_error
from proxy_addon.lane.requests import Inbox, NotPlain, PlainRequest
from proxy_addon.lane.turn import Commands, Turn
from proxy_addon.lane.upstream import Heard, Opened, Say, UpstreamEnd, new_upstream
from proxy_addon.lane.work import BursarWorkHook, Work
from proxy_addon.request import MAX_BODY_BYTES
from proxy_addon.routes import Route, Upstream

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the requests of one connection come in: `route_of` gives None for those that are not for this lane, `user`
    is the name given to the forward proxy, and `close` closes a connection of this client from outside. `in_use` is
    told when a call begins and when it has ended: meanwhile the connection is not silent, however long that takes.
    While `is_leaving`, each answer is the last of its connection."""

    route_of: Callable[[Head], Route | None]
    user: str
    close: Callable[[Server], object]
    in_use: Callable[[bool], object] = lambda _is_in_use: None
    is_leaving: Callable[[], bool] = lambda: False


class Carrier(layer.Layer):
    """See the module."""

    def __init__(self, context: Context, calls: Calls, door: Door) -> None:
        super().__init__(context)
        self._calls, self._door = calls, door
        self._inbox = Inbox()
        self._request: PlainRequest | None = None
        self._asked: tuple[Route, Head] | None = None
        self._turn: Turn | None = None
        self._link: tuple[layer.Layer, UpstreamEnd] | None = None
        self._to_say = b""
        self._sources: dict[commands.Command, layer.Layer] = {}
        self._own: set[Connection] = set()
        self._is_closed = False
        self._other: HttpLayer | None = None
        self._deadline = Deadline()

    def _handle_event(self, event: events.Event) -> Commands:
        if self._deadline.is_own(event):
            yield from self._look_at_clock(event)
        elif self._other is not None:
            if not isinstance(event, events.ConnectionEvent) or event.connection not in self._own:
                yield from self._other.handle_event(event)
        else:
            yield from self._handle_or_close(event)

    def _handle_or_close(self, event: events.Event) -> Commands:
        try:
            yield from self._handle(event)
        except Exception:
            logger.exception("a call could not be carried")
            if self._turn is not None:
                yield from self._turn.fail()
            yield from self._close_client()

    def _handle(self, event: events.Event) -> Commands:
        if isinstance(event, events.ConnectionEvent):
            if event.connection is not self.context.client:
                yield from self._from_provider(event)
            elif isinstance(event, events.DataReceived):
                yield from self._from_client(event.data)
            else:
                yield from self._client_left()
        elif isinstance(event, events.CommandCompleted):
            if isinstance(event.command, BursarWorkHook):
                yield from event.command.work.go_on()
            elif (source := self._sources.pop(event.command, None)) is not None:
                yield from self._run(source, event)

    # The client's side

    def _from_client(self, data: bytes) -> Commands:
        if self._is_closed:
            return
        self._inbox.add(data)
        self._deadline.count(len(data))
        if self._turn is None:
            yield from self._read()
        elif len(self._inbox) > MAX_BODY_BYTES:
            yield from self._client_left()

    def _client_left(self) -> Commands:
        """Whoever closes its half is taken to be gone, as mitmproxy takes it."""
        yield from self._close_client()
        if self._turn is not None:
            yield from self._turn.client_left()

    def _close_client(self) -> Commands:
        if not self._is_closed:
            self._is_closed = True
            yield commands.CloseConnection(self.context.client)

    def _read(self) -> Commands:
        """Begin a turn where a whole request has come."""
        try:
            if self._request is None and not self._read_head():
                if len(self._inbox):
                    yield from self._deadline.await_head()
                return
        except NotPlain:
            yield from self._hand_over()
            return
        request, asked = self._request, self._asked
        assert request is not None
        assert asked is not None
        body = self._inbox.take(request.length)
        if body is None:
            yield from self._deadline.await_body()
            return
        self._deadline.clear()
        self._request = None
        self._door.in_use(True)
        self._turn = Turn(self, self._calls, *asked, body, is_last=request.is_last)
        yield from self._turn.start()

    def _read_head(self) -> bool:
        """Whether a head has come and was taken. Raises NotPlain."""
        request = self._inbox.head()
        if request is None:
            return False
        head = request.head(self._door.user)
        route = self._door.route_of(head)
        if route is None:
            raise NotPlain
        self._inbox.take(request.size)
        self._request, self._asked = request, (route, head)
        return True

    def _hand_over(self) -> Commands:
        """Let mitmproxy's layer have this connection. There is no turn, and no call on its way."""
        self._deadline.clear()
        yield from self._drop_link()
        self._other = HttpLayer(self.context, HTTPMode.transparent)
        yield from self._other.handle_event(events.Start())
        yield from self._other.handle_event(events.DataReceived(self.context.client, self._inbox.take_all()))

    def _look_at_clock(self, event: events.Event) -> Commands:
        assert isinstance(event, events.Wakeup)
        if (yield from self._deadline.is_missed(event)) and not self._is_closed:
            yield self.to_client(written_error(408, "Bursar could not take the request: it did not come in time."))
            yield from self._close_client()

    # The provider's side

    def _from_provider(self, event: events.ConnectionEvent) -> Commands:
        if self._link is not None and event.connection is self._link[1].context.server:
            yield from self._run(self._link[0], event)

    def _run(self, source: layer.Layer, event: events.Event) -> Commands:
        for command in source.handle_event(event):
            if isinstance(command, Opened):
                yield from self._opened(source, command)
            elif isinstance(command, Heard):
                yield from self._heard(command)
            else:
                if command.blocking:
                    self._sources[command] = source
                yield command

    def _opened(self, source: layer.Layer, command: Opened) -> Commands:
        is_wanted = self._link is not None and self._link[1] is command.end and self._turn is not None
        if not is_wanted:
            if command.error is None:
                yield from self._run(source, Say(None))
            return
        if command.error is None:
            data, self._to_say = self._to_say, b""
            yield from self._run(source, Say(data))
        assert self._turn is not None
        yield from self._turn.opened(command.error)

    def _heard(self, command: Heard) -> Commands:
        if self._link is None or self._link[1] is not command.end:
            return
        if self._turn is None:
            yield from self._drop_link()
            return
        yield from self._turn.heard(command.data)

    def _drop_link(self) -> Commands:
        link, self._link, self._to_say = self._link, None, b""
        if link is not None:
            yield from self._run(link[0], Say(None))

    # What a turn asks for

    def to_client(self, data: bytes) -> commands.Command:
        """Say something to the client."""
        return commands.SendData(self.context.client, data)

    def await_work(self, task: Callable[[], Awaitable[None]], then: Callable[[bool], Commands]) -> Commands:
        """Have mitmproxy wait for it; its hook is marked as one that stops no layer."""
        hook = BursarWorkHook(Work(task, then))
        hook.blocking = self  # type: ignore[assignment]  # what mitmproxy's layers put there themselves
        yield hook

    def send(self, place: Upstream, data: bytes) -> Commands:
        """Send a request, on the connection that was kept or on a new one."""
        link, turn = self._link, self._turn
        assert turn is not None
        if link is not None and link[1].is_open and link[1].leads_to(place):
            yield from self._run(link[0], Say(data))
            yield from turn.opened(None)
            return
        yield from self._drop_link()
        self._link = link = new_upstream(self.context, place)
        self._own.add(link[1].context.server)
        self._to_say = data
        yield from self._run(link[0], events.Start())

    @property
    def is_leaving(self) -> bool:
        """Whether each answer is the last of its connection."""
        return self._door.is_leaving()

    def cut(self) -> None:
        """Break the connection to the provider off, from outside: mitmproxy then tells that it has closed."""
        if self._link is not None:
            self._door.close(self._link[1].context.server)

    def end_turn(self, *, keeps_client: bool, keeps_provider: bool) -> Commands:
        """The turn is over; go on with the next, or close what is not kept."""
        self._turn = None
        self._door.in_use(False)
        if not keeps_provider:
            yield from self._drop_link()
        if not keeps_client:
            yield from self._close_client()
        elif not self._is_closed and len(self._inbox):
            yield from self._read()
