"""The schema of loops. Never edited once released."""

from app.ledger.initial_schema import PAYER

LOOPS = (
    "ALTER TABLE tool_calls ADD COLUMN result_fingerprint TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX tool_calls_by_result ON tool_calls (result_call_id) WHERE result_call_id <> ''",
    f"""CREATE TABLE loops (
        loop_id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, mark TEXT NOT NULL, agent_id TEXT NOT NULL,
        level TEXT NOT NULL, count BIGINT NOT NULL, tools TEXT NOT NULL, cost_nano_usd BIGINT, usual BIGINT NOT NULL,
        call_id TEXT NOT NULL, found_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, told_at BIGINT,
        stands BOOLEAN NOT NULL, quiet_until BIGINT, answered_by TEXT NOT NULL, {PAYER},
        CONSTRAINT loops_once UNIQUE (virtual_key_id, session, agent_id, kind, mark))""",
    "CREATE INDEX loops_by_time ON loops (seen_at)",
    "CREATE INDEX loops_told ON loops (told_at) WHERE told_at IS NOT NULL",
    """CREATE TABLE loop_rules (
        project TEXT NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL, PRIMARY KEY (project, kind))""",
)
