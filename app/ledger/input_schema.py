"""The schema of what calls sent again. Never edited once released."""

from app.ledger.initial_schema import PAYER

CALL_INPUTS = (
    f"""CREATE TABLE call_inputs (
        call_id TEXT NOT NULL PRIMARY KEY, started_at BIGINT NOT NULL, input_tokens BIGINT NOT NULL,
        resent_tokens BIGINT NOT NULL, read_tokens BIGINT NOT NULL, missed_tokens BIGINT NOT NULL,
        lost_nano_usd BIGINT, miss_cause TEXT NOT NULL, changed_block TEXT NOT NULL, tool_tokens BIGINT NOT NULL,
        tool_nano_usd BIGINT, tools_defined INTEGER NOT NULL, tool_set TEXT NOT NULL, {PAYER})""",
    "CREATE INDEX call_inputs_by_time ON call_inputs (started_at)",
    "CREATE INDEX call_inputs_lost ON call_inputs (started_at) WHERE lost_nano_usd > 0",
    "CREATE INDEX call_inputs_by_session ON call_inputs (session) WHERE session <> ''",
    "CREATE INDEX call_inputs_by_task ON call_inputs (task) WHERE task <> ''",
    "CREATE INDEX call_inputs_by_key ON call_inputs (virtual_key_id)",
    "CREATE TABLE tool_sets (tool_set TEXT NOT NULL PRIMARY KEY, tools TEXT NOT NULL)",
    f"""CREATE TABLE conversations (
        conversation_id TEXT NOT NULL PRIMARY KEY, call_id TEXT NOT NULL, sent_at BIGINT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, input_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL, parts BLOB NOT NULL, account BLOB NOT NULL,
        asked TEXT NOT NULL, response_id TEXT NOT NULL, is_chained BOOLEAN NOT NULL,
        cold_at BIGINT, warm_nano_usd BIGINT, request_class TEXT NOT NULL, agent_id TEXT NOT NULL,
        parent_agent_id TEXT NOT NULL, agent_kind TEXT NOT NULL, {PAYER})""",
    """CREATE INDEX conversations_by_payer
        ON conversations (virtual_key_id, session, agent_id, request_class, sent_at)""",
    "CREATE INDEX conversations_by_time ON conversations (sent_at)",
    "CREATE INDEX conversations_by_end ON conversations (cold_at) WHERE cold_at IS NOT NULL",
)
