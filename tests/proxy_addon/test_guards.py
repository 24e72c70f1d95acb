"""The guards that mitmproxy lacks: those that stand in the place of its own classes are the ones in use."""

import asyncio
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers import websocket
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.test import tflow
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, TextMessage
from wsproto.extensions import PerMessageDeflate

from proxy_addon import socket_size
from proxy_addon.addon import MeterAddon
from proxy_addon.connection_limit import ConnectionLimit
from proxy_addon.guards import guards
from proxy_addon.limits import most_connections
from proxy_addon.socket_size import LimitedConnection
from proxy_addon.strict_http import StrictClient, StrictServer, StrictStream


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """mitmproxy's classes are put back after each test."""
    for name in ("Http1Server", "Http1Client", "HttpStream"):
        monkeypatch.setattr(layers, name, getattr(layers, name))
    monkeypatch.setattr(websocket, "WebsocketConnection", websocket.WebsocketConnection)
    monkeypatch.setattr(_http1, "make_body_reader", _http1.make_body_reader)


def test_mitmproxy_uses_the_strict_classes() -> None:
    guards(SimpleNamespace(connections={}), "gateway.invalid")
    assert vars(layers)["Http1Server"] is StrictServer
    assert vars(layers)["Http1Client"] is StrictClient
    assert vars(layers)["HttpStream"] is StrictStream
    assert vars(websocket)["WebsocketConnection"] is LimitedConnection
    assert type(_http1.make_body_reader(None)).__module__ == "proxy_addon.strict_http"


def _client(number: int, address: str) -> SimpleNamespace:
    return SimpleNamespace(id=str(number), peername=(address, number), error=None)


def test_the_newest_client_is_turned_away_until_another_leaves() -> None:
    limit = ConnectionLimit(3)
    clients = [_client(number, "127.0.0.1") for number in range(4)]
    for client in clients:
        limit.client_connected(client)
    assert [client.error is None for client in clients] == [True, True, True, False]
    limit.client_disconnected(clients[3])
    limit.client_disconnected(clients[0])
    late = _client(9, "127.0.0.1")
    limit.client_connected(late)
    assert late.error is None


def test_another_machine_has_a_quarter_at_most() -> None:
    limit = ConnectionLimit(8)
    clients = [_client(number, "192.0.2.7") for number in range(3)] + [_client(7, "192.0.2.8")]
    for client in clients:
        limit.client_connected(client)
    assert [client.error is None for client in clients] == [True, True, False, True]


def test_each_client_has_room_for_a_second_descriptor() -> None:
    assert most_connections() * 2 > 0


def _ours(*, is_packed: bool) -> LimitedConnection:
    return LimitedConnection(ConnectionType.SERVER, [_packing()] if is_packed else [], conn=None)


def _packing() -> PerMessageDeflate:
    packing = PerMessageDeflate()
    packing.finalize("permessage-deflate")
    return packing


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_message_in_many_pieces_comes_whole_and_once(is_packed: bool) -> None:
    client = Connection(ConnectionType.CLIENT, [_packing()] if is_packed else [])
    sent = b"".join(client.send(TextMessage(data=word, message_finished=word == "!")) for word in ("hé", "llo", "!"))
    ours, heard = _ours(is_packed=is_packed), []
    for start in range(len(sent)):
        ours.receive_data(sent[start : start + 1])
        heard += list(ours.events())
    assert heard == [TextMessage(data="héllo!")]


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_message_that_is_too_long_closes_its_socket(is_packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_size, "MAX_SOCKET_MESSAGE_BYTES", 5_000_000)
    client = Connection(ConnectionType.CLIENT, [_packing()] if is_packed else [])
    sent = client.send(TextMessage(data="x" * 40_000_000))
    ours = _ours(is_packed=is_packed)
    heard: list[object] = []
    for start in range(0, len(sent), 65_536):
        ours.receive_data(sent[start : start + 65_536])
        heard += list(ours.events())
        assert sum(len(part) for part in ours._parts) <= 5_000_000
        if heard:
            break
    assert isinstance(heard[0], CloseConnection)
    assert heard[0].code == 1009


def test_a_packed_message_is_never_unpacked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_size, "MAX_SOCKET_MESSAGE_BYTES", 5_000_000)
    sent = Connection(ConnectionType.CLIENT, [_packing()]).send(TextMessage(data="x" * 40_000_000))
    ours = _ours(is_packed=True)
    tracemalloc.start()
    ours.receive_data(sent)
    heard = list(ours.events())
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(heard[0], CloseConnection)
    assert most < 20_000_000


@pytest.mark.parametrize("hook", ["requestheaders", "request"])
def test_what_cannot_be_judged_is_not_sent(hook: str) -> None:
    """mitmproxy would log what a hook raises, and send the request all the same."""
    broken: Any = SimpleNamespace()
    addon, flow = MeterAddon(broken, broken, broken, broken, broken), tflow.tflow()
    flow.metadata["bursar_route"] = broken
    asyncio.run(getattr(addon, hook)(flow))
    assert flow.response is not None
    assert flow.response.status_code == 503
