"""What makes the meter's process end: signals, its standard input, or no run that is left."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable

from app.ledger.engine import Ledger
from proxy_addon.arguments import Arguments
from proxy_addon.company import stop_without_runs


def stop_when_asked(
    arguments: Arguments, ledger: Ledger, instance_id: str, stop: asyncio.Event, leave: Callable[[], object]
) -> None:
    """Set `stop` when this meter is to end, and call `leave` when another one is about to take its place (SIGHUP)."""
    _on_signals(stop, leave)
    if arguments.stop_with_stdin:
        _on_eof(asyncio.get_running_loop(), stop)
    if arguments.stop_without_runs:
        stop_without_runs(ledger, instance_id)


def _on_signals(stop: asyncio.Event, leave: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGHUP, leave)


def _on_eof(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when whoever started us closes our standard input, or dies."""

    def wait_for_eof() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_eof, name="stdin", daemon=True).start()
