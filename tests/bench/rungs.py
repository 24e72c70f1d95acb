"""The meter with next to nothing of what it is for: what of its time is the price of holding money before a call?

`python -m tests.bench --floor` starts this in the place of a meter, which it then becomes, on one of three rungs. None
reads a body, looks at a cap, or writes what a call cost.
"""

import itertools
import sys
from typing import Any

from sqlalchemy import Connection

from app.ledger.group_writer import Writing
from proxy_addon import __main__ as proxy_addon
from proxy_addon.meter import Cleared, Meter, Refused
from proxy_addon.request import Request

RUNGS = {
    "lane": "its lane alone",
    "word": "and a word with the writer",
    "row": "and one durable row",
}
_ROW_BYTES = 200
_cleared: dict[str, Cleared] = {}
_rows = itertools.count()


def becoming(rung: str) -> tuple[str, ...]:
    """What is put before a meter's command, to have it stand on a rung."""
    return sys.executable, "-m", "tests.bench.rungs", rung


def _say_nothing(_connection: Connection) -> None:
    """A transaction without a change: nothing becomes durable."""


def _write_row(connection: Connection) -> None:
    """By the driver, as the meter's own statements of each call."""
    driver: Any = connection.connection.dbapi_connection
    if next(_rows) == 0:
        driver.execute("CREATE TABLE floor (row_id INTEGER PRIMARY KEY, said TEXT NOT NULL)")
    driver.execute("INSERT INTO floor (said) VALUES (?)", ("x" * _ROW_BYTES,))


_BEFORE = {"lane": None, "word": _say_nothing, "row": _write_row}


def _stand_on(rung: str) -> None:
    """Have the meter of this process do no more for a call than this."""
    before = _BEFORE[rung]

    async def decide(meter: Meter, request: Request) -> Cleared | Refused:
        if before is not None:
            await meter.recorder.run(Writing(before))
        token = request.caller.token
        if token not in _cleared:
            holder = await meter._holders.ask(request.caller)
            _cleared[token] = Cleared(await meter._real_key(request, holder.tags), holder)
        return _cleared[token]

    Meter.decide = decide  # type: ignore[method-assign, assignment]


def _main() -> int:
    """`RUNG python -m proxy_addon …`."""
    _stand_on(sys.argv[1])
    sys.argv = sys.argv[4:]
    return proxy_addon.main()


if __name__ == "__main__":
    sys.exit(_main())
