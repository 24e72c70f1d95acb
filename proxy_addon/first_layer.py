"""What a connection is read as, where mitmproxy would wait for more before it decides, and hold all that comes.

At the gateway it is HTTP, from the first byte. Elsewhere what has not told in 256 kB what it is, is read as HTTP too,
which turns it away.
"""

from typing import Any

from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.modes import ReverseProxy

from proxy_addon.limits import MAX_HEAD_BYTES


class FirstLayer:
    """mitmproxy's hook, to be called before its own. `gateway` is where requests to the gateway would go."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway

    def next_layer(self, nextlayer: Any) -> None:
        """Decide, where nobody has."""
        context = nextlayer.context
        is_first = len(context.layers) == 1 and isinstance(context.layers[0], ReverseProxy)
        is_at_gateway = is_first and context.client.proxy_mode.data.endswith(self._gateway)
        if nextlayer.layer is None and (is_at_gateway or len(nextlayer.data_client()) > MAX_HEAD_BYTES):
            nextlayer.layer = HttpLayer(context, HTTPMode.transparent)
