"""A port inside a sandbox that leads through a socket file to one outside: the only way out that an agent there has.

Started inside as `python -I -S sandbox_relay.py ORDERS PORT=SOCKET… -- COMMAND…`, it has only the standard library. It
opens the ports, leaves a relay behind and becomes the command, so that terminal, exit status and process are the
agent's own. `ORDERS` is a pipe on which numbers of signals come, a byte each: a sandbox passes none on by itself.
`bursar run` uses `carry` for the other end.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

CHUNK_BYTES = 65_536
LOOPBACK = "127.0.0.1"
NOT_FOUND, NOT_EXECUTABLE = 127, 126
HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT) if sys.platform != "win32" else ()

type Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
type Connect = Callable[[], Awaitable[Stream]]

_carrying: set[asyncio.Task[None]] = set()
"""Once its near side has ended, nothing else holds a task that waits for the far one: it would be collected (seen)."""


async def carry(near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter, connect: Connect) -> None:
    """Carry bytes between a connection and the one that `connect` makes, until the far side has ended.

    The near side may end first: that is passed on, and the rest of the answer still comes.
    """
    task = asyncio.current_task()
    assert task is not None
    _carrying.add(task)
    try:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await connect()
            await _carry_both(near_reader, near_writer, far_reader, far_writer)
    finally:
        near_writer.close()
        _carrying.discard(task)


async def _carry_both(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    onward = asyncio.ensure_future(_copy(near_reader, far_writer))
    try:
        await _copy(far_reader, near_writer)
    finally:
        onward.cancel()
        far_writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.transport.abort()  # broken off here, so broken off there


def main(arguments: Sequence[str]) -> None:
    """Open the ports, leave the relay behind, become the command. Does not return."""
    orders, split = int(arguments[0]), list(arguments).index("--")
    places = dict(pair.split("=", 1) for pair in arguments[1:split])
    listeners = {_listener(int(port)): file for port, file in places.items()}
    _leave_relay(listeners, orders)
    os.set_inheritable(orders, False)
    for number in HANDED_ON:
        signal.signal(number, signal.SIG_DFL)
    _become(list(arguments[split + 1 :]))


def _listener(port: int) -> socket.socket:
    """What it accepts inherits that nothing is kept back: answers in two parts waited 40 ms for the second (measured).
    asyncio sees to it by itself for sockets of its own making only."""
    listening = socket.create_server((LOOPBACK, port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _leave_relay(listeners: dict[socket.socket, str], orders: int) -> None:
    """In a grandchild, which is no child of the agent, in a session that its terminal's signals do not reach."""
    agent, child = os.getpid(), os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    asyncio.run(_serve(listeners, orders, agent))
    os._exit(0)


async def _serve(listeners: dict[socket.socket, str], orders: int, agent: int) -> None:
    def obey() -> None:
        numbers = os.read(orders, 16)
        if not numbers:
            loop.remove_reader(orders)
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(agent, number)

    loop = asyncio.get_running_loop()
    loop.add_reader(orders, obey)
    for listener, file in listeners.items():
        await asyncio.start_server(_carrying_to(file), sock=listener)
    await asyncio.Event().wait()


def _carrying_to(file: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    return lambda reader, writer: carry(reader, writer, lambda: asyncio.open_unix_connection(file))


def _become(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        _give_up(f"“{command[0]}” is not there in the sandbox.", NOT_FOUND)
    except OSError as error:
        _give_up(f"“{command[0]}” cannot be started in the sandbox: {error.strerror}.", NOT_EXECUTABLE)


def _give_up(reason: str, status: int) -> None:
    sys.stderr.write(f"bursar: {reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
