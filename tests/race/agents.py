"""A process full of agents: each calls until it is told for good that it may not, and tries again where it was cut off.

Told its part as JSON in its first argument; prints what its agents met as one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.race.biller import SENT_AT_HEADER
from tests.race.trades import TRADES, Trade
from tests.race.wire import Message, make_message, read_message

RETRY_S = 0.2
REASON, NEEDED, LEFT = "x-bursar-refusal", "x-bursar-needed-usd", "x-bursar-remaining-usd"
TEMPORARY = (429, 503, 529, 502)


@dataclass
class Met:
    """What the agents of one process met. `unfounded` are refusals as exhausted although the call would have fitted,
    by the refusal's own figures."""

    answers: int = 0
    broken: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    unfounded: list[str] = field(default_factory=list)
    unended: int = 0

    def note(self, answer: Message) -> bool:
        """Count an answer. False when its agent has to stop."""
        status = int(answer.start.split()[1])
        if status == 200:
            self.answers += 1
            return True
        reason = answer.headers.get(REASON, f"http {status}")
        self.refusals[reason] += 1
        if reason == "exhausted" and float(answer.headers[NEEDED]) <= float(answer.headers[LEFT]):
            self.unfounded.append(f"needed {answer.headers[NEEDED]}, left {answer.headers[LEFT]}")
        return status in TEMPORARY


async def main(part: dict[str, object]) -> Met:
    """Let the agents run until each was refused for good or the time is up."""
    met = Met()
    trade = TRADES[str(part["trade"])](int(str(part["output_limit"])))
    gateways = [str(url) for url in part["gateways"]]  # type: ignore[attr-defined]
    deadline = time.monotonic() + float(str(part["seconds"]))
    agents = int(str(part["agents"]))
    await asyncio.gather(
        *(_agent(met, trade, gateways[n % len(gateways)], str(part["token"]), n, deadline) for n in range(agents))
    )
    return met


async def _agent(met: Met, trade: Trade, gateway: str, token: str, number: int, deadline: float) -> None:
    turn = 0
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                if await _converse(met, trade, gateway, token, number, turn):
                    return
        except TimeoutError:
            break
        except (OSError, asyncio.IncompleteReadError):
            met.broken += 1
            await asyncio.sleep(RETRY_S)
        turn += 1
    met.unended += 1


async def _converse(met: Met, trade: Trade, gateway: str, token: str, number: int, turn: int) -> bool:
    """Call after call over one connection. True when the agent was refused for good."""
    address = urlsplit(gateway)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    headers = {"host": address.netloc, "content-type": "application/json", "x-api-key": token}
    headers |= {"x-bursar-session": f"agent-{number}", "user-agent": "race/1"}
    try:
        while True:
            sent_at = {SENT_AT_HEADER: repr(time.monotonic())}
            writer.write(make_message(f"POST {trade.path} HTTP/1.1", headers | sent_at, trade.request(turn)))
            answer = await read_message(reader)
            if not met.note(answer):
                return True
            if not answer.start.startswith("HTTP/1.1 200"):
                await asyncio.sleep(RETRY_S)
    finally:
        writer.close()


if __name__ == "__main__":
    told = asyncio.run(main(json.loads(sys.argv[1])))
    print(json.dumps({
        "answers": told.answers, "broken": told.broken, "refusals": told.refusals,
        "unfounded": told.unfounded, "unended": told.unended,
    }))  # fmt: skip
