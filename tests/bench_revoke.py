"""How long a running agent goes on after its key is revoked: `python -m tests.bench_revoke [--times 20]`.

OpenAI's SDK calls through a real meter, 20 ms after each answer, until it is refused. Measured from the moment that the
revocation is committed, by another process than the meter, to the refusal in the agent's hands.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.key_store import revoke_key
from tests.end2end import sdks
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.end2end.runaway import Runaway

AT_WORK = 5


def main() -> None:
    """Print the median and the worst, and how many calls were answered after the revocation stood."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_revoke", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder, Provider(lambda _seen: chat_completion(10, 5)).running() as provider:
        os.environ["BURSAR_HOME"] = folder
        Path(folder).chmod(0o700)
        with meter(Path(folder), {"openai": provider.url}) as running:
            found = sorted(_refused_after_s(running, number) for number in range(times))
    sdks.close_all()
    middle, worst = (1_000 * value for value in (statistics.median(found), found[-1]))
    print(f"{times} revocations: refused after {middle:.0f} ms (median), {worst:.0f} ms (worst)")


def _refused_after_s(running: RunningMeter, number: int) -> float:
    key, token = issue_key(running.ledger, name=f"agent {number}", tags=Tags(agent="runaway"))
    client = sdks.openai_client(running.gateway, token)
    agent = Runaway(lambda: client.chat.completions.create(model="gpt-5-mini", messages=[]))
    agent.start()
    wait_until(lambda: agent.answered >= AT_WORK, "an agent at work")
    revoke_key(running.ledger, key.key_id)
    committed = time.monotonic()
    agent.thread.join()
    assert agent.refused_at is not None
    return agent.refused_at - committed


if __name__ == "__main__":
    main()
