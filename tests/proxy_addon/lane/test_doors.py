"""Where the fast lane begins, and where it does not."""

from typing import cast

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client
from mitmproxy.options import Options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, modes
from mitmproxy.proxy.mode_specs import ProxyMode

from proxy_addon.calls import Calls
from proxy_addon.departure import Departure
from proxy_addon.lane.carrier import Carrier
from proxy_addon.lane.doors import FastLane
from proxy_addon.meter import Meter
from proxy_addon.routes import Routes

GATEWAY = "reverse:http://gateway.invalid@127.0.0.1:8787"
NETWORK = "reverse:http://network.invalid@10.0.0.1:8789"
FORWARD = "regular@127.0.0.1:8788"


class _PlayedMeter:
    recorder = None


def asked(mode: str, data: bytes, host: str = "", alpn: bytes | None = None, port: int = 443) -> bool:
    """Whether the lane takes a connection on which `data` came, in a tunnel to `host` where there is one."""
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 8787), proxy_mode=ProxyMode.parse(mode))
    context = Context(client, Options())
    if mode is FORWARD:
        modes.HttpProxy(context)
        context.server.address = (host, port)
        if alpn is not None:
            ClientTLSLayer(context)
            client.timestamp_tls_setup, client.tls, client.alpn = 1.0, True, alpn
    else:
        modes.ReverseProxy(context)
    found = layer.NextLayer(context)
    found.events.append(events.DataReceived(client, data))
    calls = Calls(cast("Meter", _PlayedMeter()))
    server = Proxyserver()
    FastLane(calls, Routes(), server, "gateway.invalid", lambda _client: "", Departure(server)).next_layer(found)
    return isinstance(found.layer, Carrier)


@pytest.mark.parametrize("data", [b"POST /anthropic/v1/messages HTTP/1.1\r\n", b"GET ", b"P"])
def test_it_begins_at_the_gateway(data: bytes) -> None:
    assert asked(GATEWAY, data)


@pytest.mark.parametrize("data", [b"\x16\x03\x01", b"", b"CONNECT a:443 HTTP/1.1\r\n", b"SSH-2.0", b"\r\nPOST /"])
def test_what_does_not_begin_like_a_plain_request_is_not_for_it(data: bytes) -> None:
    assert not asked(GATEWAY, data)


def test_it_does_not_begin_at_the_door_to_the_network() -> None:
    assert not asked(NETWORK, b"POST /")


def test_it_begins_in_a_tunnel_that_was_opened_to_a_metered_host() -> None:
    for alpn in (b"", b"http/1.1"):
        assert asked(FORWARD, b"POST /", "api.anthropic.com", alpn)


@pytest.mark.parametrize(
    ("host", "alpn", "port"),
    [
        ("api.anthropic.com", b"h2", 443),
        ("api.anthropic.com", None, 443),
        ("api.anthropic.com", b"http/1.1", 8443),
        ("example.com", b"http/1.1", 443),
    ],
)
def test_no_other_tunnel_is_for_it(host: str, alpn: bytes | None, port: int) -> None:
    assert not asked(FORWARD, b"POST /", host, alpn, port)


def test_it_does_not_begin_where_the_forward_proxy_is_asked_itself() -> None:
    assert not asked(FORWARD, b"POST http://localhost:11434/api/chat HTTP/1.1\r\n", "localhost", None, 11434)
