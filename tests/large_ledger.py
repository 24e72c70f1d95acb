"""A ledger of very many calls, written by plain inserts: ten million take some minutes and 4.2 GB of disk.

The last `LATELY` calls lie within the last hour and are the same in a small and in a large ledger: what differs is the
past, which stretches over a year before. Sessions have fifty calls, eight of them at a time; one in eight works on a
task that is never done (the branch `main`), and one in eight calls comes of a program that names neither session nor
task. A tenth of the calls, the newest, also have a tool that they asked for and a row of what they sent again.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.ledger.engine import open_ledger
from app.ledger.rollup import roll_up

LATELY = 900
AT_ONCE = 250_000
_HOUR, _YEAR = 3_600_000_000, 31_536_000_000_000
_TASK = "CASE one % 8 WHEN 6 THEN 'main' WHEN 7 THEN '' ELSE 't' || (one / 4) END"
_PAYER = f"'p' || (one % 50), 'a' || (one % 4), 'me', '', {_TASK}, iif(one % 8 = 7, '', 's' || one), 'k'"

# `n` counts back from the newest call, which is 0: so the newest ones are the same however many came before.
_NUMBERS = f"""
    WITH RECURSIVE numbers(n) AS (SELECT :first UNION ALL SELECT n - 1 FROM numbers WHERE n > :last),
    placed AS (SELECT n, n / 400 * 8 + n % 8 AS one, printf('%032x', 20000000 - n) AS id,
        :until - CASE WHEN n < {LATELY} THEN (n + 1) * ({_HOUR} / {LATELY})
            ELSE :gap + (n - {LATELY} + 1) * ({_YEAR} / :past) END AS at FROM numbers)
"""
_FILLS = (
    f"""INSERT INTO calls (
        call_id, started_at, provider, api_shape, operation, request_model, response_model, response_id, is_stream,
        outcome, error_type, input_tokens, output_tokens, cache_read_tokens, cost_nano_usd, charged_nano_usd,
        cost_basis, price_version, project, agent, user_name, team, task, session, virtual_key_id)
    {_NUMBERS} SELECT id, at, 'anthropic', 'anthropic.messages', 'chat', 'opus', 'opus', '', 1,
        iif(n % 97 = 0, 'failed', 'completed'), '', 1000 + n % 5000, 200, 500, 5000000, 5000000, 'table', '', {_PAYER}
    FROM placed""",
    f"""INSERT INTO tool_calls (
        call_id, position, name, server, provider_id, fingerprint, argument_bytes, asked_at, is_hosted, is_retry,
        outcome, result_call_id, project, agent, user_name, team, task, session, virtual_key_id)
    {_NUMBERS} SELECT id, 0, 'tool' || (n % 12), '', 'id' || n, printf('%016x', n % 1000), 100, at, 0, 0,
        iif(n % 31 = 0, 'failed', 'succeeded'), printf('%032x', 20000001 - n), {_PAYER}
    FROM placed WHERE n < :with_tools""",
    f"""INSERT INTO call_inputs (
        call_id, started_at, input_tokens, resent_tokens, read_tokens, missed_tokens, lost_nano_usd, miss_cause,
        changed_block, tool_tokens, tools_defined, tool_set, project, agent, user_name, team, task, session,
        virtual_key_id)
    {_NUMBERS} SELECT id, at, 1000 + n % 5000, 900, 500, 0, NULL, '', '', 100, 12, '', {_PAYER}
    FROM placed WHERE n < :with_tools""",
)


def make_large(file: Path, count: int, gap: timedelta = timedelta(hours=1)) -> None:
    """A ledger of so many calls, at least `LATELY`, all of them rolled up. The past ended `gap` ago."""
    open_ledger(file).close()
    until = int(datetime.now(UTC).timestamp() * 1_000_000)
    fixed = {"until": until, "past": max(1, count - LATELY), "with_tools": count // 10}
    fixed["gap"] = gap // timedelta(microseconds=1)
    with closing(sqlite3.connect(file, isolation_level=None)) as driver:
        driver.execute("PRAGMA synchronous = OFF")
        driver.execute("PRAGMA cache_size = -1000000")
        for first in range(count - 1, -1, -AT_ONCE):
            _fill_some(driver, fixed | {"first": first, "last": max(0, first - AT_ONCE + 1)})
    ledger = open_ledger(file, checkpoints=True)
    rolled = 1
    while rolled:
        with ledger.write() as connection:
            rolled = roll_up(connection, AT_ONCE)
    ledger.close()


def _fill_some(driver: sqlite3.Connection, values: dict[str, int]) -> None:
    driver.execute("BEGIN IMMEDIATE")
    for statement in _FILLS:
        driver.execute(statement, values)
    driver.execute("COMMIT")
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
