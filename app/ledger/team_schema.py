"""The tables of a laptop that has joined a team, as their migration makes them. Never edited."""

TEAM = (
    "ALTER TABLE reservations ADD COLUMN is_of_team BOOLEAN NOT NULL DEFAULT 0",
    """CREATE TABLE team_outbox (
        row_id INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL, state TEXT NOT NULL,
        charged_nano_usd BIGINT NOT NULL, lease_ids TEXT NOT NULL)""",
    """CREATE TABLE team_caps (
        cap_id TEXT NOT NULL PRIMARY KEY, scope TEXT NOT NULL, scope_key TEXT NOT NULL, window_kind TEXT NOT NULL,
        limit_nano_usd BIGINT NOT NULL, action TEXT NOT NULL, alert_percents TEXT NOT NULL, time_zone TEXT NOT NULL,
        week_start INTEGER NOT NULL, hold TEXT NOT NULL, mode TEXT NOT NULL, default_answer TEXT NOT NULL,
        answer_after_s INTEGER, counts_subscriptions BOOLEAN NOT NULL)""",
    """CREATE TABLE team_leases (
        lease_id TEXT NOT NULL PRIMARY KEY, cap_id TEXT NOT NULL, window_key TEXT NOT NULL,
        amount_nano_usd BIGINT NOT NULL, ends_at BIGINT)""",
    "CREATE INDEX team_leases_by_window ON team_leases (cap_id, window_key)",
    """CREATE TABLE lease_draws (
        call_id TEXT NOT NULL, lease_id TEXT NOT NULL, amount_nano_usd BIGINT NOT NULL,
        PRIMARY KEY (call_id, lease_id))""",
    "CREATE INDEX lease_draws_by_lease ON lease_draws (lease_id)",
)
