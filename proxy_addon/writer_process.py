"""The process that writes the ledger: begun before the meter has threads, and gone shortly after the meter.

It holds the meter's lock, so a meter lives as long as somebody can still write for it. One whose meter has died writes
what it was told before, and closes the meter's books: calls that were on their way are charged at worst.
"""

import functools
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import paths
from app.core.errors import AppError, LedgerDamaged, LedgerError, LedgerGone, MeterError
from app.ledger.engine import Ledger, await_ledger, open_ledger
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.recovery import recover_dead_instances
from app.log import set_up_logging
from proxy_addon import ending, gate_operations
from proxy_addon.loop_watch import LoopWatch
from proxy_addon.orders import Orders
from proxy_addon.packets import packed, received
from proxy_addon.writer import Listening, News, Writer

_START = "fork" if sys.platform == "linux" else "spawn"
"""A fork takes ten milliseconds and hardly any memory. Elsewhere it is not to be had, or not safe."""
LOG_NAME = "writer.log"
"""A file of its own: two processes cannot rotate one."""
_END_LIMIT_S = 15.0
_CRASHED = 1
_SENT_SHORT = (ending, gate_operations)
"""What a process that was not forked has to know, to read what it is sent."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begin:
    """The first that a meter says: its ledger, which it has opened, and its process."""

    path: Path
    pid: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer: under which id this meter writes, and what it is to know before its first call."""

    instance_id: str
    news: list[News]


class WriterProcess:
    """A writer that waits to hear of its ledger. To be made while there is one thread and no ledger open."""

    def __init__(self, doors: Iterable[socket.socket] = ()) -> None:
        """`doors` are open by now, and only the meter's."""
        self.line, theirs = socket.socketpair()
        context: Any = multiprocessing.get_context(_START)
        not_its_own = (self.line, *doors) if _START == "fork" else ()
        self._process = context.Process(target=_write, args=(theirs, *not_its_own), name="ledger-writer")
        gc.freeze()  # what is there by now is looked through by neither, and so stays shared
        self._process.start()
        theirs.close()

    def begin(self, ledger: Ledger) -> Opened:
        """Have it open this ledger. Then its `line` is for a Recorder. Blocks for some milliseconds. Raises LedgerError
        and MeterError, and OSError where its lock cannot be had."""
        said = None
        with suppress(OSError):  # it has ended
            self.line.sendall(packed(Begin(ledger.path, os.getpid())))
            said = received(self.line)
        if isinstance(said, Opened):
            return said
        if isinstance(said, AppError | OSError):
            raise said
        raise MeterError("The meter cannot start", f"What writes its ledger has ended. {paths.log_place()} says why.")

    def end(self) -> None:
        """Wait until it has ended, which it does without a meter; one that hangs on its disk is not waited for."""
        self.line.close()
        self._process.join(_END_LIMIT_S)
        if self._process.is_alive():
            logger.error("the process that writes the ledger hangs, and is killed")
            self._process.kill()
            self._process.join()


def end_without_writer() -> None:
    """For a meter whose writer is gone, and with it whatever the meter could do: as after a crash, another begins."""
    logger.error("the process that writes the ledger has ended, and so does the meter")
    logging.shutdown()
    os._exit(_CRASHED)


def _write(line: socket.socket, *not_ours: socket.socket) -> None:
    """The whole of the process. `not_ours` are the meter's end of the line, whose closing is its death, and its doors,
    which nobody would open while this one lives."""
    for inherited in not_ours:
        inherited.close()
    _be_apart()
    try:
        set_up_logging(paths.log_folder() / LOG_NAME)
        _serve(line)
    except Exception:
        logger.exception("the process that writes the ledger failed")
        raise


def _serve(line: socket.socket) -> None:
    begin = received(line)
    if not isinstance(begin, Begin):
        return  # the meter could not begin
    try:
        ledger = _opened(begin.path)
        lock = InstanceLock(ledger)
        orders, news = Orders(ledger, lock.instance_id), list[News]()
        with suppress(LedgerGone):
            news = orders.look()
    except (AppError, OSError) as error:
        line.sendall(packed(error))
        return
    line.sendall(packed(Opened(lock.instance_id, news)))
    _write_for(begin, line, ledger, lock.instance_id, orders)
    lock.release()
    try:
        recover_dead_instances(ledger, datetime.now(UTC))  # this meter too, whatever it left behind
    except LedgerError as error:
        logger.warning("the books are not closed, the next meter sees to them: %s", error)
    ledger.close()


def _write_for(begin: Begin, line: socket.socket, ledger: Ledger, instance_id: str, orders: Orders) -> None:
    """Until the end of the meter."""

    def take_up(listening: Listening) -> None:
        """See to what meters before this one left in a ledger that was restored, and say that it is here."""
        recover_dead_instances(ledger, datetime.now(UTC))
        register_meter(ledger, instance_id, listening.gateway_url, listening.forward_url, pid=begin.pid)

    def on_listening(listening: Listening) -> None:
        ledger.taken_up = functools.partial(take_up, listening)

    Writer(line, ledger, look=orders.look, on_listening=on_listening, memory=LoopWatch()).work()


def _opened(path: Path) -> Ledger:
    """The ledger, which the meter has looked at already; or one to be put back."""
    try:
        return open_ledger(path, checkpoints=True)
    except (LedgerDamaged, LedgerGone):
        return await_ledger(path, checkpoints=True)


def _be_apart() -> None:
    """Only the meter tells this process when to end, and whoever started the meter waits for the end of what that says,
    not of this. No descriptor is closed blindly: its number could become the ledger's while somebody still writes."""
    for number in (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if sys.platform != "win32" else ())):
        signal.signal(number, signal.SIG_IGN)
    if _START == "fork":
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
