"""The meter's process: arguments in, one JSON line out when it is ready, calls until it is told to stop.

It stops on SIGTERM or SIGINT, when the ledger says so, and, if asked at its start, when its standard input closes or no
`bursar run` is left. The tray's death does not touch it. Exit status 0 after a stop, 3 when it could not start; the
reason is on standard output.
"""

import asyncio
import functools
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from mitmproxy.addons import core, disable_h2c, next_layer, proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options

from app import paths
from app.core.errors import AppError, MeterError
from app.core.network import NetworkPlace
from app.keys.vault import FixedVault, KeyringVault, Vault
from app.ledger.ballast import take_on
from app.ledger.call_store import newest_call_at
from app.ledger.engine import Ledger
from app.ledger.meter_state import InstanceLock, mark_stopped, register_meter
from app.ledger.quarantine import open_sound
from app.ledger.recovery import recover_dead_instances
from app.log import set_up_logging
from proxy_addon.addon import MeterAddon
from proxy_addon.arguments import Arguments, keys_from_stdin, parse_arguments
from proxy_addon.budget import Budget
from proxy_addon.calls import Calls
from proxy_addon.clock import Clock
from proxy_addon.company import stop_without_runs
from proxy_addon.destinations import Destinations
from proxy_addon.dispatch import DirectAddons
from proxy_addon.gate import Gate
from proxy_addon.guards import guards
from proxy_addon.hardening import harden_process, refuse_exposed_files
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.lane.doors import FastLane
from proxy_addon.loop_watch import keep_usual
from proxy_addon.meter import Meter
from proxy_addon.network_door import NETWORK_TARGET, NetworkDoor
from proxy_addon.orders import Orders
from proxy_addon.own_tls import OwnTls
from proxy_addon.recorder import Recorder
from proxy_addon.routes import Routes
from proxy_addon.socket_addon import SocketAddon, send_messages_whole
from proxy_addon.upkeep import start_upkeep
from proxy_addon.wire import answer_errors_in_json, closing

FAILED = 3
LOOPBACK = "127.0.0.1"
GATEWAY_TARGET = "gateway.invalid"
"""Where a gateway request would go if nothing routed it: nowhere (RFC 6761)."""
DRAIN_LIMIT_S = 10.0

_SWITCH_S = 0.0005
"""How long the writer thread may keep the event loop from its turn: Python's own 5 ms are felt in each call."""

logger = logging.getLogger("proxy_addon")


@dataclass(frozen=True, slots=True)
class Hooks:
    """mitmproxy's server, and ours that listen to it."""

    server: proxyserver.Proxyserver
    calls: Calls
    requests: MeterAddon
    sockets: SocketAddon
    door: NetworkDoor | None
    lane: FastLane | None

    @property
    def first(self) -> list[object]:
        """What decides on a connection before mitmproxy does."""
        return [*([self.lane] if self.lane else []), *guards(self.server, GATEWAY_TARGET)]

    @property
    def ours(self) -> list[object]:
        """In the order in which they are called."""
        return [*([self.door] if self.door else []), self.requests, self.sockets]


def main() -> int:
    """Run the meter until it is told to stop. Returns the exit status."""
    harden_process()
    sys.setswitchinterval(_SWITCH_S)
    try:
        arguments = parse_arguments()
        refuse_exposed_files(arguments.ledger)
        set_up_logging(paths.log_folder() / "meter.log")
        logging.getLogger("mitmproxy").setLevel(logging.WARNING)
        routes = Routes(arguments.upstreams)
        vault: Vault = FixedVault(keys_from_stdin()) if arguments.keys_from_stdin else KeyringVault()
        ledger = open_sound(arguments.ledger, checkpoints=True)
        take_on(ledger.path)
    except AppError as error:
        return _failed(error)
    except OSError as error:
        return _failed(MeterError("Bursar cannot write its files", f"{error.strerror}: {error.filename}."))
    try:
        recover_dead_instances(ledger, datetime.now(UTC))
        asyncio.run(_serve(arguments, routes, vault, ledger))
    except AppError as error:
        logger.error("%s", error)
        return _failed(error)
    finally:
        ledger.close()
    return 0


async def _serve(arguments: Arguments, routes: Routes, vault: Vault, ledger: Ledger) -> None:
    """Listen, say `ready`, serve until asked to stop, then settle what is left. Raises MeterError."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    lock = InstanceLock(ledger)
    orders = Orders(
        ledger,
        lock.instance_id,
        on_stop=lambda: loop.call_soon_threadsafe(stop.set),
        on_keys_changed=lambda choice: loop.call_soon_threadsafe(keys.take, choice),
        on_cut=lambda sessions, everything: loop.call_soon_threadsafe(
            functools.partial(calls.in_flight.stop, sessions, everything=everything)
        ),
    )
    recorder = Recorder(ledger, on_change=lambda: loop.call_soon_threadsafe(gate.wake), look=orders.look)
    keys = ProviderKeys(vault, recorder.post)
    gate = Gate(recorder, lock.instance_id, Clock(newest_call_at(ledger)))
    chosen = arguments.private_destinations
    destinations = Destinations(lambda host, port: (host, port) in chosen or routes.is_upstream(host, port))
    server = proxyserver.Proxyserver()
    budget = Budget(ledger)
    calls = Calls(meter := Meter(recorder, gate, keys, budget))
    requests = MeterAddon(calls, routes, destinations, budget, closing(server))
    door = None if arguments.network is None else NetworkDoor(arguments.network, meter.check)
    lane = FastLane(calls, routes, server, GATEWAY_TARGET, requests.user_of)
    hooks = Hooks(server, calls, requests, SocketAddon(server), door, lane if arguments.lane == "fast" else None)
    orders.look()  # the prices in force, before the first call
    recorder.start()
    tasks = [start_upkeep(recorder, ledger, arguments), asyncio.create_task(keep_usual(meter.loops, ledger))]
    try:
        await _listen(arguments, routes, hooks, ledger, lock, stop)
    finally:
        for task in tasks:
            task.cancel()
        hooks.calls.in_flight.end_all()
        hooks.sockets.end_all()
        await asyncio.to_thread(recorder.stop)
        with ledger.write() as connection:
            mark_stopped(connection, lock.instance_id, datetime.now(UTC))
        lock.release()


async def _listen(
    arguments: Arguments, routes: Routes, hooks: Hooks, ledger: Ledger, lock: InstanceLock, stop: asyncio.Event
) -> None:
    """Run mitmproxy with our hooks until `stop`. Raises MeterError when a port cannot be had."""
    gateway_port = arguments.gateway_port or _free_port()
    forward_port = arguments.forward_port or _free_port()
    answer_errors_in_json(hooks.calls.sent_keys.masked)
    send_messages_whole()
    master = Master(_options(routes, gateway_port, forward_port, arguments.network))
    master.addons = DirectAddons(master)
    ready = asyncio.Event()
    # An explicit list: no scripts from a config folder, no web pages, no commands; and it is faster than the default.
    master.addons.add(
        core.Core(),
        hooks.server,
        *hooks.first,
        next_layer.NextLayer(),
        OwnTls(() if arguments.network is None else arguments.network.hosts),
        disable_h2c.DisableH2C(),
        *hooks.ours,
        _Running(ready),
    )
    running = asyncio.create_task(master.run())
    is_ready = asyncio.create_task(ready.wait())
    await asyncio.wait([running, is_ready], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        is_ready.cancel()
        running.result()
    try:
        _check_ports(hooks.server)
        gateway, forward = f"http://{LOOPBACK}:{gateway_port}", f"http://{LOOPBACK}:{forward_port}"
        ledger.taken_up = functools.partial(register_meter, ledger, lock, gateway, forward)
        await asyncio.to_thread(ledger.taken_up)
        _stop_when_asked(arguments, ledger, lock, stop)
        _say_ready(gateway, forward)
        await stop.wait()
        await asyncio.gather(hooks.calls.drain(DRAIN_LIMIT_S), hooks.sockets.drain(DRAIN_LIMIT_S))
    finally:
        master.shutdown()
        await running


class _Running:
    """Tells when mitmproxy has tried to open its ports."""

    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready

    def running(self) -> None:
        """mitmproxy's hook."""
        self._ready.set()


def _options(routes: Routes, gateway_port: int, forward_port: int, network: NetworkPlace | None) -> Options:
    """mitmproxy's options: loopback and where a person says, nothing opened but metered hosts, HTTP/1.1, upstream
    connected late."""
    modes = [f"reverse:http://{GATEWAY_TARGET}@{LOOPBACK}:{gateway_port}", f"regular@{LOOPBACK}:{forward_port}"]
    if network is not None:
        modes.append(f"reverse:http://{NETWORK_TARGET}@{network.address}:{network.port}")
    options = Options(
        confdir=str(paths.meter_folder()),
        mode=modes,
        http2=False,
        allow_hosts=[*routes.opened_hosts, rf"^(?:{GATEWAY_TARGET}|{NETWORK_TARGET}):80$"],
    )
    options.update_defer(connection_strategy="lazy", keep_host_header=True)
    return options


def _check_ports(server: proxyserver.Proxyserver) -> None:
    for instance in server.servers:
        if not instance.is_running and instance.mode.data.endswith(NETWORK_TARGET):
            place = f"{instance.mode.listen_host()}:{instance.mode.listen_port()}"
            message = "It must be an address of this machine, and no other program may listen there."
            raise MeterError(f"The meter cannot listen at {place}", message)
        if not instance.is_running:
            port = instance.mode.listen_port()
            raise MeterError(
                f"Port {port} is in use",
                "Another program listens there. Close it, or choose other ports in Bursar's settings.",
            )


def _stop_when_asked(arguments: Arguments, ledger: Ledger, lock: InstanceLock, stop: asyncio.Event) -> None:
    _stop_on_signals(stop)
    if arguments.stop_with_stdin:
        _stop_on_eof(asyncio.get_running_loop(), stop)
    if arguments.stop_without_runs:
        stop_without_runs(ledger, lock.instance_id)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)


def _stop_on_eof(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when whoever started us closes our standard input, or dies."""

    def wait_for_eof() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_eof, name="stdin", daemon=True).start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _failed(error: AppError) -> int:
    _say({"event": "failed", "title": error.title, "message": error.message})
    return FAILED


def _say_ready(gateway: str, forward: str) -> None:
    gc.freeze()  # what is there by now stays, and need not be looked through again and again
    _say({"event": "ready", "pid": os.getpid(), "gateway": gateway, "forward": forward})


def _say(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
