"""The schema that the first ledgers had: what every later migration stands on. Never edited."""

PAYER = """
    project TEXT NOT NULL, agent TEXT NOT NULL, user_name TEXT NOT NULL, team TEXT NOT NULL,
    task TEXT NOT NULL, session TEXT NOT NULL, virtual_key_id TEXT NOT NULL
"""

INITIAL = (
    f"""CREATE TABLE calls (
        row_id INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL UNIQUE, started_at BIGINT NOT NULL,
        provider TEXT NOT NULL, api_shape TEXT NOT NULL, operation TEXT NOT NULL, request_model TEXT NOT NULL,
        response_model TEXT NOT NULL, response_id TEXT NOT NULL, is_stream BOOLEAN NOT NULL, outcome TEXT NOT NULL,
        status_code INTEGER, error_type TEXT NOT NULL, duration_ms INTEGER, time_to_first_chunk_ms INTEGER,
        input_tokens BIGINT, output_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT,
        cache_write_1h_tokens BIGINT, reasoning_tokens BIGINT, input_audio_tokens BIGINT,
        cache_audio_read_tokens BIGINT, output_audio_tokens BIGINT, web_searches BIGINT, reported_cost_nano_usd BIGINT,
        cost_nano_usd BIGINT, charged_nano_usd BIGINT NOT NULL, cost_basis TEXT NOT NULL, price_version TEXT NOT NULL,
        {PAYER})""",
    "CREATE INDEX ix_calls_started_at ON calls (started_at)",
    "CREATE INDEX calls_by_session ON calls (session, started_at)",
    """CREATE TABLE caps (
        cap_id TEXT NOT NULL PRIMARY KEY, scope TEXT NOT NULL, scope_key TEXT NOT NULL, window_kind TEXT NOT NULL,
        limit_nano_usd BIGINT NOT NULL, action TEXT NOT NULL, alert_percents TEXT NOT NULL, time_zone TEXT NOT NULL,
        week_start INTEGER NOT NULL, created_at BIGINT NOT NULL, removed_at BIGINT)""",
    """CREATE TABLE totals (
        cap_id TEXT NOT NULL, window_key TEXT NOT NULL, starts_at BIGINT, ends_at BIGINT,
        limit_nano_usd BIGINT NOT NULL, posted_nano_usd BIGINT NOT NULL, held_nano_usd BIGINT NOT NULL,
        unpriced_calls INTEGER NOT NULL, PRIMARY KEY (cap_id, window_key),
        CONSTRAINT totals_not_negative CHECK (posted_nano_usd >= 0 AND held_nano_usd >= 0))""",
    f"""CREATE TABLE reservations (
        call_id TEXT NOT NULL PRIMARY KEY, instance_id TEXT NOT NULL, state TEXT NOT NULL, worst_nano_usd BIGINT,
        reserved_at BIGINT NOT NULL, provider TEXT NOT NULL, api_shape TEXT NOT NULL, operation TEXT NOT NULL,
        request_model TEXT NOT NULL, is_stream BOOLEAN NOT NULL, {PAYER})""",
    "CREATE INDEX reservations_held ON reservations (state, instance_id)",
    """CREATE TABLE holds (
        call_id TEXT NOT NULL, cap_id TEXT NOT NULL, window_key TEXT NOT NULL,
        PRIMARY KEY (call_id, cap_id, window_key))""",
    f"""CREATE TABLE approvals (
        approval_id TEXT NOT NULL PRIMARY KEY, call_id TEXT NOT NULL, instance_id TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, cap_id TEXT NOT NULL, cap_name TEXT NOT NULL,
        window_key TEXT NOT NULL, worst_nano_usd BIGINT, spent_nano_usd BIGINT NOT NULL,
        limit_nano_usd BIGINT NOT NULL, asked_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, state TEXT NOT NULL,
        answered_at BIGINT, answered_by TEXT NOT NULL, {PAYER})""",
    "CREATE INDEX ix_approvals_state ON approvals (state)",
    f"""CREATE TABLE virtual_keys (
        key_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE,
        created_at BIGINT NOT NULL, expires_at BIGINT, revoked_at BIGINT, {PAYER})""",
    "CREATE TABLE provider_keys (provider TEXT NOT NULL PRIMARY KEY, added_at BIGINT NOT NULL)",
    """CREATE TABLE alerts (
        alert_id INTEGER PRIMARY KEY AUTOINCREMENT, cap_id TEXT NOT NULL, cap_name TEXT NOT NULL,
        window_key TEXT NOT NULL, percent INTEGER NOT NULL, spent_nano_usd BIGINT NOT NULL,
        limit_nano_usd BIGINT NOT NULL, told_at BIGINT NOT NULL,
        CONSTRAINT alerts_told_once UNIQUE (cap_id, window_key, percent))""",
    """CREATE TABLE instances (
        instance_id TEXT NOT NULL PRIMARY KEY, pid INTEGER NOT NULL, gateway_url TEXT NOT NULL,
        forward_url TEXT NOT NULL, started_at BIGINT NOT NULL, stop_requested_at BIGINT, stopped_at BIGINT)""",
    """CREATE TABLE switches (
        name TEXT NOT NULL PRIMARY KEY, is_on BOOLEAN NOT NULL, changed_at BIGINT NOT NULL,
        changed_by TEXT NOT NULL)""",
)
