"""Where the meter listens: on sockets that whoever started it holds open (see `proxy_addon.keeper`), or on its own."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.options import Options
from mitmproxy.proxy.mode_servers import AsyncioServerInstance

from app import paths
from app.core.errors import MeterError
from app.core.network import NetworkPlace
from app.port_owner import port_owner
from proxy_addon.keeper.doors import BACKLOG
from proxy_addon.network_door import NETWORK_TARGET
from proxy_addon.routes import Routes

LOOPBACK = "127.0.0.1"
GATEWAY_TARGET = "gateway.invalid"
"""Where a gateway request would go if nothing routed it: nowhere (RFC 6761)."""

type Doors = Mapping[str, socket.socket]
"""Listening sockets by name: `gateway`, `forward`, `network`."""


def port_for(doors: Doors, name: str, wanted: int) -> int:
    """The port of a door that is open, or the wanted one, or a free one."""
    if name in doors:
        return int(doors[name].getsockname()[1])
    return wanted or _free_port()


def listen_at(doors: Doors) -> None:
    """Let mitmproxy serve sockets that are open already, where it would open one at the same place.

    It takes no socket from outside; the method that opens them is replaced, and a test sees to it that it still is the
    one in use.
    """
    given = {door.getsockname()[:2]: door for door in doors.values()}

    async def listen(self: Any, host: str, port: int) -> list[asyncio.Server]:
        door = given.pop((host, port), None)
        if door is not None:
            return [await asyncio.start_server(self.handle_stream, sock=door, backlog=BACKLOG)]
        return [await asyncio.start_server(self.handle_stream, host, port, backlog=BACKLOG)]

    AsyncioServerInstance.listen = listen  # type: ignore[assignment,method-assign]


def options_for(routes: Routes, gateway_port: int, forward_port: int, network: NetworkPlace | None) -> Options:
    """mitmproxy's options: loopback and where a person says, nothing opened but metered hosts, HTTP/1.1, upstream
    connected late. To a metered host nothing passes as raw bytes: mitmproxy would take whatever begins with less than
    three bytes for that, and a call that is sent so would go by unmetered."""
    modes = [f"reverse:http://{GATEWAY_TARGET}@{LOOPBACK}:{gateway_port}", f"regular@{LOOPBACK}:{forward_port}"]
    if network is not None:
        modes.append(f"reverse:http://{NETWORK_TARGET}@{network.address}:{network.port}")
    options = Options(
        confdir=str(paths.meter_folder()),
        mode=modes,
        http2=False,
        rawtcp=False,
        allow_hosts=[*routes.opened_hosts, rf"^(?:{GATEWAY_TARGET}|{NETWORK_TARGET}):80$"],
    )
    options.update_defer(connection_strategy="lazy", keep_host_header=True)
    return options


def check_ports(server: Proxyserver) -> None:
    """Raise MeterError for the first place where mitmproxy cannot listen."""
    for instance in server.servers:
        if not instance.is_running and instance.mode.data.endswith(NETWORK_TARGET):
            place = f"{instance.mode.listen_host()}:{instance.mode.listen_port()}"
            message = "It must be an address of this machine, and no other program may listen there."
            raise MeterError(f"The meter cannot listen at {place}", message)
        if not instance.is_running:
            port = instance.mode.listen_port()
            raise MeterError(
                f"Port {port} is in use",
                f"{port_owner(port)} listens there. Close it, or choose other ports in Bursar's settings.",
            )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
