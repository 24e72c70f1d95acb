"""The lane's end of one connection to a provider: opened when there is something to send, kept for the next call.

TLS is mitmproxy's own layer around it, which verifies the certificate; whether the place may be connected to at all is
judged by mitmproxy's `server_connect` hook, as for every other connection.
"""

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tls import ServerTLSLayer

from proxy_addon.routes import Upstream


class Opened(commands.Command):
    """The connection stands, or could not be made."""

    def __init__(self, end: "UpstreamEnd", error: str | None) -> None:
        self.end, self.error = end, error


class Heard(commands.Command):
    """The provider said something; None: it has closed."""

    def __init__(self, end: "UpstreamEnd", data: bytes | None) -> None:
        self.end, self.data = end, data


class Say(events.Event):
    """Send this; None: close the connection."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data


class UpstreamEnd(layer.Layer):
    """What is next to the wire, or to TLS. It tells its carrier what happens as commands."""

    def __init__(self, context: Context, place: Upstream) -> None:
        super().__init__(context)
        self._place = place

    def leads_to(self, place: Upstream) -> bool:
        """Whether a request for that place may go here."""
        own = self._place
        return (own.scheme, own.host, own.port) == (place.scheme, place.host, place.port)

    @property
    def is_open(self) -> bool:
        """Whether both directions are."""
        return self.context.server.state is ConnectionState.OPEN

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        server = self.context.server
        if isinstance(event, events.Start):
            error = yield commands.OpenConnection(server)
            yield Opened(self, error)
        elif isinstance(event, events.DataReceived):
            yield Heard(self, event.data)
        elif isinstance(event, events.ConnectionClosed):
            yield Heard(self, None)
        elif isinstance(event, Say):
            yield commands.CloseConnection(server) if event.data is None else commands.SendData(server, event.data)


def new_upstream(context: Context, place: Upstream) -> tuple[layer.Layer, UpstreamEnd]:
    """The layers of a connection that is not made yet, the outermost first, and their innermost."""
    forked = context.fork()
    forked.server = Server(address=(place.host, place.port))
    if place.scheme != "https":
        end = UpstreamEnd(forked, place)
        return end, end
    forked.server.sni = place.host
    forked.server.alpn_offers = (b"http/1.1",)
    outermost = ServerTLSLayer(forked)
    end = UpstreamEnd(forked, place)
    outermost.child_layer = end
    return outermost, end
