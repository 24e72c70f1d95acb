"""The tables of sums by quarter of an hour, as their migration makes them. Never edited."""

ROLLUPS = (
    """CREATE TABLE rollups (
        quarter BIGINT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL,
        cost_basis TEXT NOT NULL, billing TEXT NOT NULL, request_class TEXT NOT NULL, project TEXT NOT NULL,
        agent TEXT NOT NULL, user_name TEXT NOT NULL, team TEXT NOT NULL, task TEXT NOT NULL, session TEXT NOT NULL,
        virtual_key_id TEXT NOT NULL, number INTEGER NOT NULL, paid INTEGER NOT NULL, input_tokens BIGINT NOT NULL,
        output_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL,
        cache_write_1h_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL, web_searches BIGINT NOT NULL,
        cost_nano_usd BIGINT NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL,
        PRIMARY KEY (quarter, provider, model, outcome, cost_basis, billing, request_class, project, agent, user_name,
            team, task, session, virtual_key_id)) WITHOUT ROWID""",
    "CREATE TABLE rolled_up (through_row_id INTEGER NOT NULL PRIMARY KEY)",
    "INSERT INTO rolled_up VALUES (0)",
)
