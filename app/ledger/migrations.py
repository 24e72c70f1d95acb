"""The schema's history: small functions in order, each applied once, all within the transaction of the opening.

The version is SQLite's `user_version`. A ledger of a newer version is refused, naming both, rather than guessed at.
A migration is never edited once released; the next one is appended.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from app.core.errors import LedgerError
from app.ledger.answer_schema import ANSWERS
from app.ledger.export_schema import m014_export_places, m016_webhooks
from app.ledger.initial_schema import INITIAL, PAYER
from app.ledger.input_schema import CALL_INPUTS
from app.ledger.loop_schema import LOOPS
from app.ledger.rollup_schema import ROLLUPS
from app.ledger.team_schema import TEAM


def m001_initial(connection: Connection) -> None:
    """Calls, caps and their totals, reservations, approvals, keys, alerts, meters."""
    for statement in INITIAL:
        connection.exec_driver_sql(statement)


_PRICES = (
    """CREATE TABLE price_overrides (
        override_id TEXT NOT NULL PRIMARY KEY, provider TEXT NOT NULL, model TEXT NOT NULL, host TEXT NOT NULL,
        rates TEXT NOT NULL, factor TEXT, starts_at BIGINT, ends_at BIGINT, created_at BIGINT NOT NULL,
        removed_at BIGINT)""",
    """CREATE TABLE price_data (
        data_id TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL, source TEXT NOT NULL, fetched_at BIGINT NOT NULL,
        gzipped BLOB NOT NULL, undone_at BIGINT)""",
)


def m002_prices(connection: Connection) -> None:
    """Prices that a person set, and price tables that were fetched."""
    for statement in _PRICES:
        connection.exec_driver_sql(statement)


_FAIR_CAPS = (
    "ALTER TABLE caps ADD COLUMN hold TEXT NOT NULL DEFAULT 'strict'",
    "ALTER TABLE caps ADD COLUMN mode TEXT NOT NULL DEFAULT 'enforce'",
    "ALTER TABLE caps ADD COLUMN default_answer TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE caps ADD COLUMN answer_after_s INTEGER",
    "ALTER TABLE caps ADD COLUMN counted_at BIGINT",
    "ALTER TABLE caps ADD COLUMN counted_until BIGINT",
    "ALTER TABLE approvals ADD COLUMN default_answer TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE approvals ADD COLUMN default_at BIGINT",
    "ALTER TABLE reservations ADD COLUMN held_nano_usd BIGINT NOT NULL DEFAULT 0",
    "UPDATE reservations SET held_nano_usd = coalesce(worst_nano_usd, 0)",
    "ALTER TABLE switches ADD COLUMN cuts_streams BOOLEAN NOT NULL DEFAULT 0",
    """CREATE TABLE raises (
        raise_id TEXT NOT NULL PRIMARY KEY, cap_id TEXT NOT NULL, window_key TEXT NOT NULL,
        amount_nano_usd BIGINT NOT NULL, until BIGINT, made_at BIGINT NOT NULL, made_by TEXT NOT NULL,
        ended_at BIGINT)""",
    "CREATE INDEX raises_running ON raises (until) WHERE ended_at IS NULL",
    # What a raise was before raises were kept: the difference between a window's limit and its cap's.
    """INSERT INTO raises
        SELECT totals.cap_id || '/' || totals.window_key, totals.cap_id, totals.window_key,
            totals.limit_nano_usd - caps.limit_nano_usd, NULL, caps.created_at, '', NULL
        FROM totals JOIN caps USING (cap_id) WHERE totals.limit_nano_usd > caps.limit_nano_usd""",
    """CREATE TABLE session_grants (
        cap_id TEXT NOT NULL, window_key TEXT NOT NULL, session TEXT NOT NULL, virtual_key_id TEXT NOT NULL,
        granted_at BIGINT NOT NULL, granted_by TEXT NOT NULL,
        PRIMARY KEY (session, virtual_key_id, cap_id, window_key))""",
    """CREATE TABLE stopped_sessions (
        session TEXT NOT NULL PRIMARY KEY, stopped_at BIGINT NOT NULL, stopped_by TEXT NOT NULL,
        cuts_streams BOOLEAN NOT NULL)""",
    """CREATE TABLE cut_sessions (
        session TEXT NOT NULL, virtual_key_id TEXT NOT NULL, cut_at BIGINT NOT NULL,
        PRIMARY KEY (session, virtual_key_id))""",
    f"""CREATE TABLE observations (
        observation_id INTEGER PRIMARY KEY AUTOINCREMENT, cap_id TEXT NOT NULL, cap_name TEXT NOT NULL,
        window_key TEXT NOT NULL, call_id TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
        refusal TEXT NOT NULL, worst_nano_usd BIGINT, spent_nano_usd BIGINT NOT NULL, limit_nano_usd BIGINT NOT NULL,
        seen_at BIGINT NOT NULL, {PAYER})""",
    "CREATE INDEX observations_of_cap ON observations (cap_id, observation_id)",
    """CREATE TABLE line (
        ticket INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL UNIQUE, instance_id TEXT NOT NULL,
        share_key TEXT NOT NULL, place BIGINT NOT NULL, expires_at BIGINT NOT NULL)""",
    """CREATE TABLE line_windows (
        cap_id TEXT NOT NULL, window_key TEXT NOT NULL, call_id TEXT NOT NULL,
        PRIMARY KEY (cap_id, window_key, call_id))""",
    "CREATE INDEX calls_by_model ON calls (agent, request_model, row_id)",
)


def m003_fair_caps(connection: Connection) -> None:
    """Ways to hold, dry runs, raises with an end, answers for a session, stops, and the line of calls that wait."""
    for statement in _FAIR_CAPS:
        connection.exec_driver_sql(statement)


_IMPORTS = (
    f"""CREATE TABLE imported_calls (
        call_id TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, wire_call_id TEXT NOT NULL, started_at BIGINT NOT NULL,
        provider TEXT NOT NULL, api_shape TEXT NOT NULL, operation TEXT NOT NULL, request_model TEXT NOT NULL,
        response_model TEXT NOT NULL, response_id TEXT NOT NULL, is_stream BOOLEAN NOT NULL, outcome TEXT NOT NULL,
        status_code INTEGER, error_type TEXT NOT NULL, duration_ms INTEGER, time_to_first_chunk_ms INTEGER,
        input_tokens BIGINT, output_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT,
        cache_write_1h_tokens BIGINT, reasoning_tokens BIGINT, input_audio_tokens BIGINT,
        cache_audio_read_tokens BIGINT, output_audio_tokens BIGINT, web_searches BIGINT, reported_cost_nano_usd BIGINT,
        cost_nano_usd BIGINT, cost_basis TEXT NOT NULL, price_version TEXT NOT NULL, {PAYER})""",
    "CREATE INDEX imported_calls_by_time ON imported_calls (started_at)",
    "CREATE INDEX imported_calls_by_session ON imported_calls (session)",
    "CREATE INDEX imported_calls_unlinked ON imported_calls (response_id) WHERE wire_call_id = ''",
    "CREATE INDEX imported_calls_by_twin ON imported_calls (wire_call_id) WHERE wire_call_id <> ''",
    """CREATE TABLE billed_amounts (
        provider TEXT NOT NULL, day TEXT NOT NULL, item TEXT NOT NULL, amount_nano_usd BIGINT NOT NULL,
        PRIMARY KEY (provider, day, item))""",
    "CREATE INDEX calls_by_response ON calls (response_id) WHERE response_id <> ''",
    "CREATE INDEX calls_by_task ON calls (task, started_at) WHERE task <> ''",
)


def m004_imports(connection: Connection) -> None:
    """Calls out of agents' logs, amounts out of providers' exports, and what finds their metered twins."""
    for statement in _IMPORTS:
        connection.exec_driver_sql(statement)


_KEYS = (
    "ALTER TABLE virtual_keys ADD COLUMN providers TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE virtual_keys ADD COLUMN models TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE virtual_keys ADD COLUMN rotated_at BIGINT",
    "ALTER TABLE virtual_keys ADD COLUMN old_fingerprint TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE virtual_keys ADD COLUMN old_until BIGINT",
    "CREATE INDEX virtual_keys_by_old ON virtual_keys (old_fingerprint)",
    # Logins were priced as API calls are before they were told apart, and counted in caps: that stays so.
    "ALTER TABLE calls ADD COLUMN billing TEXT NOT NULL DEFAULT 'api'",
    "ALTER TABLE reservations ADD COLUMN billing TEXT NOT NULL DEFAULT 'api'",
    "ALTER TABLE caps ADD COLUMN counts_subscriptions BOOLEAN NOT NULL DEFAULT 0",
)


def m005_keys(connection: Connection) -> None:
    """What a virtual key may be used for, its rotation, and which calls a subscription paid for."""
    for statement in _KEYS:
        connection.exec_driver_sql(statement)


_PROVIDER_KEYS = (
    """CREATE TABLE labelled_keys (
        provider TEXT NOT NULL, label TEXT NOT NULL, added_at BIGINT NOT NULL, is_default BOOLEAN NOT NULL,
        trial TEXT NOT NULL, tested_at BIGINT, last_used_at BIGINT, PRIMARY KEY (provider, label))""",
    "INSERT INTO labelled_keys SELECT provider, '', added_at, 1, '', NULL, NULL FROM provider_keys",
    "DROP TABLE provider_keys",
    "ALTER TABLE labelled_keys RENAME TO provider_keys",
    "CREATE UNIQUE INDEX provider_keys_default ON provider_keys (provider) WHERE is_default",
    """CREATE TABLE project_keys (
        project TEXT NOT NULL, provider TEXT NOT NULL, label TEXT NOT NULL, PRIMARY KEY (project, provider))""",
)


def m006_provider_keys(connection: Connection) -> None:
    """Several keys a provider, each with a label, and which of them a project uses."""
    for statement in _PROVIDER_KEYS:
        connection.exec_driver_sql(statement)


def m007_key_levels(connection: Connection) -> None:
    """What stands around the agents that were given keys."""
    connection.exec_driver_sql("CREATE TABLE key_levels (key_id TEXT NOT NULL PRIMARY KEY, level TEXT NOT NULL)")


_ORIGINS = tuple(
    f"ALTER TABLE {table} ADD COLUMN {column}"
    for table in ("calls", "reservations", "imported_calls")
    for column in (
        "request_class TEXT NOT NULL DEFAULT 'main'",
        "agent_id TEXT NOT NULL DEFAULT ''",
        "parent_agent_id TEXT NOT NULL DEFAULT ''",
        "agent_kind TEXT NOT NULL DEFAULT ''",
    )
)


def m008_origins(connection: Connection) -> None:
    """What each call was for, and which sub-agent made it."""
    for statement in _ORIGINS:
        connection.exec_driver_sql(statement)


_TOOL_CALLS = (
    f"""CREATE TABLE tool_calls (
        row_id INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
        server TEXT NOT NULL, provider_id TEXT NOT NULL, fingerprint TEXT NOT NULL, argument_bytes BIGINT NOT NULL,
        asked_at BIGINT NOT NULL, is_hosted BOOLEAN NOT NULL, is_retry BOOLEAN NOT NULL, outcome TEXT NOT NULL,
        result_call_id TEXT NOT NULL, result_bytes BIGINT, latency_ms BIGINT, {PAYER},
        CONSTRAINT tool_calls_once UNIQUE (call_id, position))""",
    "CREATE INDEX tool_calls_by_time ON tool_calls (asked_at)",
    "CREATE INDEX tool_calls_by_name ON tool_calls (name, asked_at)",
    "CREATE INDEX tool_calls_by_session ON tool_calls (session, name, fingerprint)",
    "CREATE INDEX tool_calls_by_task ON tool_calls (task) WHERE task <> ''",
    "CREATE INDEX tool_calls_by_key ON tool_calls (virtual_key_id)",
    "CREATE INDEX tool_calls_open ON tool_calls (virtual_key_id, provider_id) WHERE result_call_id = ''",
    "CREATE INDEX tool_calls_open_by_name ON tool_calls (virtual_key_id, session, name) WHERE result_call_id = ''",
)


def m009_tool_calls(connection: Connection) -> None:
    """The tools that calls asked for, and what became of them."""
    for statement in _TOOL_CALLS:
        connection.exec_driver_sql(statement)


def m010_rollups(connection: Connection) -> None:
    """Sums of calls by quarter of an hour, and through which call they go."""
    for statement in ROLLUPS:
        connection.exec_driver_sql(statement)


def m011_call_inputs(connection: Connection) -> None:
    """What calls sent again, which tools they defined, and the last request of each conversation."""
    for statement in CALL_INPUTS:
        connection.exec_driver_sql(statement)


def m012_loops(connection: Connection) -> None:
    """Agents that go round in circles, how strictly that is dealt with, and marks of tools' results."""
    for statement in LOOPS:
        connection.exec_driver_sql(statement)


def m013_answers(connection: Connection) -> None:
    """Sessions that are paused and not stopped, and what a person said to suggestions."""
    for statement in ANSWERS:
        connection.exec_driver_sql(statement)


def m015_team(connection: Connection) -> None:
    """What a team's ledger is to be told, and what may be spent while it cannot be reached."""
    for statement in TEAM:
        connection.exec_driver_sql(statement)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    m001_initial,
    m002_prices,
    m003_fair_caps,
    m004_imports,
    m005_keys,
    m006_provider_keys,
    m007_key_levels,
    m008_origins,
    m009_tool_calls,
    m010_rollups,
    m011_call_inputs,
    m012_loops,
    m013_answers,
    m014_export_places,
    m015_team,
    m016_webhooks,
)


def is_current(connection: Connection) -> bool:
    """Whether the schema is the newest. Raises LedgerError for a newer ledger and for another program's database."""
    version = schema_version(connection)
    if version > len(MIGRATIONS):
        raise LedgerError(
            "This ledger is from a newer Bursar",
            f"Its schema is version {version}, this Bursar knows {len(MIGRATIONS)}. Update Bursar first.",
        )
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    if ("calls" not in tables) if version else tables:
        raise LedgerError("This file is not a ledger", "It is another program's database. Name another file.")
    return version == len(MIGRATIONS)


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest version, in the transaction at hand. Raises LedgerError as `is_current` does."""
    if is_current(connection):
        return
    version = schema_version(connection)
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {number}")


def schema_version(connection: Connection) -> int:
    """How many migrations this file has seen."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
