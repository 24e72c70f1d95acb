"""The schema of sessions that only wait, and of what a person said to suggestions. Never edited once released."""

ANSWERS = (
    "ALTER TABLE stopped_sessions ADD COLUMN is_pause BOOLEAN NOT NULL DEFAULT 0",
    """CREATE TABLE advice (
        kind TEXT NOT NULL, project TEXT NOT NULL, answer TEXT NOT NULL, weekly_nano_usd BIGINT NOT NULL,
        answered_at BIGINT NOT NULL, answered_by TEXT NOT NULL, PRIMARY KEY (kind, project))""",
)
