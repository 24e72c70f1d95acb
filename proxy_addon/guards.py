"""What mitmproxy lacks against those who overload or mislead it, on either side: all of it in one place."""

from typing import Any

from proxy_addon.connection_limit import ConnectionLimit
from proxy_addon.first_layer import FirstLayer
from proxy_addon.handshake_limit import HandshakeLimit
from proxy_addon.left_open import LeftOpen
from proxy_addon.limits import most_connections
from proxy_addon.socket_size import limit_messages
from proxy_addon.strict_http import read_strictly


def guards(server: Any, gateway: str) -> list[object]:
    """Hooks that stand before mitmproxy's `NextLayer` and ours. `server` is its Proxyserver, `gateway` where requests
    to the gateway would go. To be called once, before it listens: classes of mitmproxy's are replaced, too."""
    read_strictly()
    limit_messages()
    limit = ConnectionLimit(most_connections())
    return [limit, LeftOpen(server), HandshakeLimit(server), FirstLayer(gateway)]
