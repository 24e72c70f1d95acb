"""The meter's process: arguments in, one JSON line out when it is ready, calls until it is told to stop.

It stops on SIGTERM or SIGINT, when the ledger says so, and, if asked at its start, when its standard input closes or no
`bursar run` is left. On SIGHUP it leaves its sockets to another meter and ends with the calls it has. The tray's death
does not touch it, nor its keeper's. Exit status 0 after a stop, 3 when it could not start; the reason is on standard
output.
"""

import asyncio
import gc
import json
import logging
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mitmproxy.addons import core, disable_h2c, next_layer, proxyserver
from mitmproxy.master import Master

from app import paths
from app.core.errors import AppError, LedgerGone, MeterError
from app.keys.vault import FixedVault, KeyringVault, Vault
from app.ledger.ballast import take_on
from app.ledger.call_store import newest_call_at
from app.ledger.engine import Ledger
from app.ledger.meter_state import register_meter
from app.ledger.price_store import use_prices
from app.ledger.quarantine import open_or_await
from app.ledger.recovery import recover_dead_instances
from app.log import set_up_logging
from proxy_addon.addon import MeterAddon
from proxy_addon.arguments import Arguments, keys_from, parse_arguments
from proxy_addon.budget import Budget
from proxy_addon.calls import Calls
from proxy_addon.clock import Clock
from proxy_addon.departure import Departure
from proxy_addon.destinations import Destinations
from proxy_addon.dispatch import DirectAddons
from proxy_addon.gate import Gate
from proxy_addon.guards import guards
from proxy_addon.hardening import harden_process, refuse_exposed_files
from proxy_addon.keeper.doors import inherited_doors
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.lane.doors import FastLane
from proxy_addon.listening import GATEWAY_TARGET, LOOPBACK, Doors, check_ports, listen_at, options_for, port_for
from proxy_addon.loop_watch import keep_usual
from proxy_addon.meter import Meter
from proxy_addon.network_door import NetworkDoor
from proxy_addon.orders import CUT, KEYS, PRICES, STOP, keep_prices
from proxy_addon.own_tls import OwnTls
from proxy_addon.recorder import Recorder
from proxy_addon.routes import Routes
from proxy_addon.socket_addon import SocketAddon, send_messages_whole
from proxy_addon.stopping import stop_when_asked
from proxy_addon.team_joining import TeamPlace
from proxy_addon.upkeep import start_upkeep
from proxy_addon.wire import answer_errors_in_json, closing
from proxy_addon.writer_process import Opened, WriterProcess, end_without_writer

FAILED = 3
DRAIN_LIMIT_S = 10.0

_SWITCH_S = 0.0005
"""How long another thread may keep the event loop from its turn: Python's own 5 ms are felt in each call."""

logger = logging.getLogger("proxy_addon")


@dataclass(frozen=True, slots=True)
class Hooks:
    """mitmproxy's server, and ours that listen to it."""

    server: proxyserver.Proxyserver
    calls: Calls
    requests: MeterAddon
    sockets: SocketAddon
    door: NetworkDoor | None
    departure: Departure
    lane: FastLane | None

    @property
    def first(self) -> list[object]:
        """What decides on a connection before mitmproxy does."""
        return [*([self.lane] if self.lane else []), *guards(self.server, GATEWAY_TARGET)]

    @property
    def ours(self) -> list[object]:
        """In the order in which they are called."""
        return [self.departure, *([self.door] if self.door else []), self.requests, self.sockets]


def main() -> int:
    """Run the meter until it is told to stop. Returns the exit status."""
    harden_process()
    sys.setswitchinterval(_SWITCH_S)
    try:
        arguments, doors = parse_arguments(), inherited_doors()
        refuse_exposed_files(arguments.ledger)
        set_up_logging(paths.log_folder() / "meter.log")
        writer = WriterProcess(doors.values())
    except AppError as error:
        return _failed(error)
    except OSError as error:
        return _failed(_unwritable(error))
    try:
        return _run(arguments, doors, writer)
    finally:
        writer.end()


def _run(arguments: Arguments, doors: Doors, writer: WriterProcess) -> int:
    """Open what a meter needs, and serve. Returns the exit status."""
    try:
        logging.getLogger("mitmproxy").setLevel(logging.WARNING)
        routes = Routes(arguments.upstreams)
        given = arguments.keys_from
        vault: Vault = KeyringVault() if given is None else FixedVault(keys_from(given))
        ledger = open_or_await(arguments.ledger, checkpoints=True)
        take_on(ledger.path)
        opened = writer.begin(ledger)
        with suppress(LedgerGone):
            use_prices(ledger)
    except AppError as error:
        return _failed(error)
    except OSError as error:
        return _failed(_unwritable(error))
    try:
        asyncio.run(_serve(arguments, routes, vault, ledger, doors, writer.line, opened))
    except AppError as error:
        logger.error("%s", error)
        return _failed(error)
    finally:
        ledger.close()
    return 0


async def _serve(
    arguments: Arguments, routes: Routes, vault: Vault, ledger: Ledger, doors: Doors, line: socket.socket,
    opened: Opened,
) -> None:  # fmt: skip
    """Listen, say `ready`, serve until asked to stop, then settle what is left. Raises MeterError."""
    stop, instance_id = asyncio.Event(), opened.instance_id
    recorder = Recorder(
        hears={
            STOP: stop.set,
            KEYS: lambda choice: keys.take(choice),
            PRICES: lambda: new_prices.set(),
            CUT: lambda sessions, everything: calls.in_flight.stop(sessions, everything=everything),
        },
        on_lost=end_without_writer,
    )
    await recorder.begin(line)
    keys, new_prices = ProviderKeys(vault, recorder.post), asyncio.Event()
    team = TeamPlace(arguments.team, vault, ledger, recorder, instance_id, Clock(_newest_call(ledger)))
    gate = Gate(recorder, instance_id, team.clock, team.gate)
    chosen = arguments.private_destinations
    destinations = Destinations(lambda host, port: (host, port) in chosen or routes.is_upstream(host, port))
    away, budget = Departure(server := proxyserver.Proxyserver()), Budget(ledger)
    calls = Calls(meter := Meter(recorder, gate, keys, budget))
    requests = MeterAddon(calls, routes, destinations, budget, closing(server))
    door = None if arguments.network is None else NetworkDoor(arguments.network, meter.check)
    lane = FastLane(calls, routes, server, GATEWAY_TARGET, requests.user_of, away) if arguments.lane == "fast" else None
    hooks = Hooks(server, calls, requests, SocketAddon(server), door, away, lane)
    for news in opened.news:
        recorder.hear(news)
    tasks = _beside(arguments, ledger, recorder, new_prices)
    try:
        await _listen(arguments, routes, hooks, doors, ledger, recorder, instance_id, stop)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # or each stop is told as an error that nobody looked at
        hooks.calls.in_flight.end_all()
        hooks.sockets.end_all()
        await recorder.stop()
        await asyncio.to_thread(team.stop)


def _beside(arguments: Arguments, ledger: Ledger, recorder: Recorder, new_prices: asyncio.Event) -> list[Any]:
    """The tasks that go on beside the calls. They end only by being cancelled."""
    return [
        start_upkeep(recorder, ledger, arguments),
        asyncio.create_task(keep_usual(recorder, ledger)),
        asyncio.create_task(keep_prices(ledger, new_prices)),
    ]


async def _listen(
    arguments: Arguments, routes: Routes, hooks: Hooks, doors: Doors, ledger: Ledger, recorder: Recorder,
    instance_id: str, stop: asyncio.Event,
) -> None:  # fmt: skip
    """Run mitmproxy with our hooks until `stop`. Raises MeterError when a port cannot be had."""
    listen_at(doors)
    gateway_port = port_for(doors, "gateway", arguments.gateway_port)
    forward_port = port_for(doors, "forward", arguments.forward_port)
    answer_errors_in_json(hooks.calls.sent_keys.masked)
    send_messages_whole()
    master = Master(options_for(routes, gateway_port, forward_port, arguments.network))
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
        check_ports(hooks.server)
        leaving = asyncio.Event()
        stop_when_asked(arguments, ledger, instance_id, stop, leaving.set)
        await _tell_ready(ledger, recorder, instance_id, gateway_port, forward_port)
        await _left_or_stopped(hooks.departure, leaving, stop)
        await asyncio.gather(hooks.calls.drain(DRAIN_LIMIT_S), hooks.sockets.drain(DRAIN_LIMIT_S))
    finally:
        master.shutdown()
        await running


def _newest_call(ledger: Ledger) -> datetime | None:
    """When the newest call began; None where there is none, or no ledger for now. Raises LedgerError."""
    with suppress(LedgerGone):
        return newest_call_at(ledger)
    return None


async def _tell_ready(ledger: Ledger, recorder: Recorder, instance_id: str, *ports: int) -> None:
    """Say where we are, in the ledger, to its writer and to whoever started us."""
    gateway, forward = (f"http://{LOOPBACK}:{port}" for port in ports)
    recorder.tell_place(gateway, forward)
    with suppress(LedgerGone):
        await asyncio.to_thread(_register, ledger, instance_id, gateway, forward)
    _say_ready(gateway, forward)


def _register(ledger: Ledger, instance_id: str, gateway_url: str, forward_url: str) -> None:
    """See to what meters before us left, and say that we are here."""
    recover_dead_instances(ledger, datetime.now(UTC))
    register_meter(ledger, instance_id, gateway_url, forward_url)


async def _left_or_stopped(departure: Departure, leaving: asyncio.Event, stop: asyncio.Event) -> None:
    """Until this meter is to stop, or has left and ended the calls that it had."""

    async def leave() -> None:
        await leaving.wait()
        await departure.leave()

    ways = [asyncio.create_task(leave()), asyncio.create_task(stop.wait())]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()


class _Running:
    """Tells when mitmproxy has tried to open its ports."""

    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready

    def running(self) -> None:
        """mitmproxy's hook."""
        self._ready.set()


def _unwritable(error: OSError) -> MeterError:
    return MeterError("Bursar cannot write its files", f"{error.strerror}: {error.filename}.")


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
