"""The tables of a team's ledger as the first version had them. Never edited: later versions change them by migrations.

A reservation is a row only while it is held; once a call is over its row in `calls` is what makes asking again change
nothing. Instants are the server's, but `calls.started_at`, which is the laptop's own, as its ledger keeps it:
microseconds since 1970. What a call counts by is `charged_at`; a call that was moved in counts nowhere and has none.
"""

PAYER = """
    project TEXT NOT NULL, agent TEXT NOT NULL, user_name TEXT NOT NULL, team TEXT NOT NULL,
    task TEXT NOT NULL, session TEXT NOT NULL, virtual_key_id TEXT NOT NULL
"""

TABLES = (
    """CREATE TABLE bursar.team (
        is_only BOOLEAN PRIMARY KEY DEFAULT true CHECK (is_only), name TEXT NOT NULL, made_at TIMESTAMPTZ NOT NULL)""",
    """CREATE TABLE bursar.members (
        login NAME PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL CHECK (role IN ('member', 'lead', 'viewer')),
        joined_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ)""",
    """CREATE TABLE bursar.caps (
        cap_id TEXT PRIMARY KEY, scope TEXT NOT NULL, scope_key TEXT NOT NULL, window_kind TEXT NOT NULL,
        limit_nano_usd BIGINT NOT NULL CHECK (limit_nano_usd > 0), action TEXT NOT NULL, alert_percents TEXT NOT NULL,
        time_zone TEXT NOT NULL, week_start INTEGER NOT NULL, hold TEXT NOT NULL CHECK (hold = 'strict'),
        mode TEXT NOT NULL, default_answer TEXT NOT NULL, answer_after_s INTEGER,
        counts_subscriptions BOOLEAN NOT NULL, created_at TIMESTAMPTZ NOT NULL, created_by TEXT NOT NULL,
        removed_at TIMESTAMPTZ, counted_at TIMESTAMPTZ, counted_until TIMESTAMPTZ)""",
    """CREATE UNIQUE INDEX caps_say_it_once ON bursar.caps (scope, scope_key, window_kind) WHERE removed_at IS NULL""",
    """CREATE TABLE bursar.totals (
        cap_id TEXT NOT NULL, window_key TEXT NOT NULL, starts_at TIMESTAMPTZ, ends_at TIMESTAMPTZ,
        posted_nano_usd BIGINT NOT NULL DEFAULT 0, held_nano_usd BIGINT NOT NULL DEFAULT 0,
        unpriced_calls BIGINT NOT NULL DEFAULT 0, is_awaited BOOLEAN NOT NULL DEFAULT false,
        PRIMARY KEY (cap_id, window_key),
        CONSTRAINT totals_not_negative CHECK (posted_nano_usd >= 0 AND held_nano_usd >= 0)) WITH (fillfactor = 50)""",
    """CREATE TABLE bursar.reservations (
        call_id TEXT PRIMARY KEY, member TEXT NOT NULL, instance_id TEXT NOT NULL, worst_nano_usd BIGINT,
        held_nano_usd BIGINT NOT NULL CHECK (held_nano_usd >= 0), reserved_at TIMESTAMPTZ NOT NULL,
        call JSONB NOT NULL)""",
    """CREATE INDEX reservations_of_meter ON bursar.reservations (member, instance_id)""",
    """CREATE TABLE bursar.holds (
        call_id TEXT NOT NULL REFERENCES bursar.reservations ON DELETE CASCADE, cap_id TEXT NOT NULL,
        window_key TEXT NOT NULL, PRIMARY KEY (call_id, cap_id, window_key))""",
    """CREATE INDEX holds_of_cap ON bursar.holds (cap_id)""",
    f"""CREATE TABLE bursar.calls (
        row_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, call_id TEXT NOT NULL UNIQUE, member TEXT NOT NULL,
        state TEXT NOT NULL, charged_at TIMESTAMPTZ, started_at BIGINT NOT NULL, provider TEXT NOT NULL,
        api_shape TEXT NOT NULL, operation TEXT NOT NULL, request_model TEXT NOT NULL, response_model TEXT NOT NULL,
        response_id TEXT NOT NULL, is_stream BOOLEAN NOT NULL, outcome TEXT NOT NULL, status_code INTEGER,
        error_type TEXT NOT NULL, duration_ms BIGINT, time_to_first_chunk_ms BIGINT, input_tokens BIGINT,
        output_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT, cache_write_1h_tokens BIGINT,
        reasoning_tokens BIGINT, input_audio_tokens BIGINT, cache_audio_read_tokens BIGINT,
        output_audio_tokens BIGINT, web_searches BIGINT, reported_cost_nano_usd BIGINT, cost_nano_usd BIGINT,
        charged_nano_usd BIGINT NOT NULL CHECK (charged_nano_usd >= 0), cost_basis TEXT NOT NULL,
        price_version TEXT NOT NULL, billing TEXT NOT NULL, request_class TEXT NOT NULL, agent_id TEXT NOT NULL,
        parent_agent_id TEXT NOT NULL, agent_kind TEXT NOT NULL, {PAYER})""",
    """CREATE INDEX calls_by_charge ON bursar.calls (charged_at)""",
    """CREATE INDEX calls_by_session ON bursar.calls (session) WHERE session <> ''""",
    """CREATE INDEX calls_by_member ON bursar.calls (member, row_id)""",
    """CREATE TABLE bursar.alerts (
        alert_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cap_id TEXT NOT NULL, window_key TEXT NOT NULL,
        percent INTEGER NOT NULL, spent_nano_usd BIGINT NOT NULL, limit_nano_usd BIGINT NOT NULL,
        told_at TIMESTAMPTZ NOT NULL, CONSTRAINT alerts_told_once UNIQUE (cap_id, window_key, percent))""",
    """CREATE TABLE bursar.raises (
        raise_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cap_id TEXT NOT NULL, window_key TEXT NOT NULL,
        amount_nano_usd BIGINT NOT NULL CHECK (amount_nano_usd > 0), until TIMESTAMPTZ, made_at TIMESTAMPTZ NOT NULL,
        made_by TEXT NOT NULL, ended_at TIMESTAMPTZ)""",
    """CREATE INDEX raises_in_force ON bursar.raises (cap_id, window_key) WHERE ended_at IS NULL""",
    """CREATE TABLE bursar.observations (
        observation_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cap_id TEXT NOT NULL,
        window_key TEXT NOT NULL, call_id TEXT NOT NULL, member TEXT NOT NULL, seen_at TIMESTAMPTZ NOT NULL)""",
    f"""CREATE TABLE bursar.approvals (
        approval_id TEXT PRIMARY KEY, call_id TEXT NOT NULL, member TEXT NOT NULL, instance_id TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, cap_id TEXT NOT NULL, cap_name TEXT NOT NULL,
        window_key TEXT NOT NULL, worst_nano_usd BIGINT, spent_nano_usd BIGINT NOT NULL,
        limit_nano_usd BIGINT NOT NULL, asked_at TIMESTAMPTZ NOT NULL, expires_at TIMESTAMPTZ NOT NULL,
        state TEXT NOT NULL, answered_at TIMESTAMPTZ, answered_by TEXT NOT NULL, default_answer TEXT NOT NULL,
        default_at TIMESTAMPTZ, {PAYER})""",
    """CREATE INDEX approvals_waiting ON bursar.approvals (asked_at) WHERE state = 'waiting'""",
    """CREATE INDEX approvals_of_call ON bursar.approvals (call_id)""",
    """CREATE TABLE bursar.session_grants (
        member TEXT NOT NULL, session TEXT NOT NULL, virtual_key_id TEXT NOT NULL, cap_id TEXT NOT NULL,
        window_key TEXT NOT NULL, granted_at TIMESTAMPTZ NOT NULL, granted_by TEXT NOT NULL,
        PRIMARY KEY (member, session, virtual_key_id, cap_id, window_key))""",
    """CREATE TABLE bursar.leases (
        lease_id TEXT PRIMARY KEY, cap_id TEXT NOT NULL, window_key TEXT NOT NULL, value TEXT NOT NULL,
        starts_at TIMESTAMPTZ, ends_at TIMESTAMPTZ, member TEXT NOT NULL, instance_id TEXT NOT NULL,
        left_nano_usd BIGINT NOT NULL CHECK (left_nano_usd >= 0),
        taken_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ, ended_by TEXT NOT NULL DEFAULT '')""",
    """CREATE UNIQUE INDEX leases_running ON bursar.leases (member, instance_id, cap_id, window_key)
        WHERE ended_at IS NULL""",
    """CREATE INDEX leases_of_window ON bursar.leases (cap_id, window_key) WHERE left_nano_usd > 0""",
)
