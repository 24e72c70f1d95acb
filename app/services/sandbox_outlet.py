"""The outer end of a sandbox's relay: socket files in a private folder, each leading to one of the meter's ports.

It runs in a thread of the process that started the agent, so what reaches the meter comes from the person's own user.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.services.sandbox_relay import LOOPBACK, carry

_LAST_ROUNDS = 5


@contextmanager
def outer_relay(folder: Path, ports: Sequence[int]) -> Iterator[None]:
    """For the time of the block, a socket file in `folder` for each port, named by its number. Raises OSError."""
    relay = _Relay(folder, ports)
    thread = threading.Thread(target=relay.run, name="sandbox-outlet", daemon=True)
    thread.start()
    try:
        relay.wait_until_open()
        yield
    finally:
        relay.stop()
        thread.join()


class _Relay:
    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self._files = {port: folder / str(port) for port in ports}
        self._is_open = threading.Event()
        self._failure: OSError | None = None
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()

    def run(self) -> None:
        """The thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def wait_until_open(self) -> None:
        """Raises OSError when a socket file could not be made."""
        self._is_open.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Close all ways. The thread ends soon after."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)

    async def _serve(self) -> None:
        servers = []
        try:
            for port, file in self._files.items():
                servers.append(await asyncio.start_unix_server(_carrying_to(port), path=file))
            self._is_open.set()
            await self._end.wait()
        except OSError as error:
            self._failure = error
        finally:
            self._is_open.set()
            for listening in (one for server in servers for one in server.sockets):
                # A server that is closed while it accepts leaves the connection open (seen), so first it accepts none.
                self._loop.remove_reader(listening.fileno())
            await _end_all()
            for server in servers:
                server.close()


async def _end_all() -> None:
    """End what is carried, and what was accepted a moment ago and becomes a task in the next round."""
    for _ in range(_LAST_ROUNDS):
        await asyncio.sleep(0)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def _carrying_to(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    return lambda reader, writer: carry(reader, writer, lambda: asyncio.open_connection(LOOPBACK, port))
