"""What becomes of held money: it is charged, given back, or grows; each ending counts once.

The row of a call that is over is what makes a second ending change nothing. A call that the server does not know, since
it was held against a lease or an older copy of the database was put back, is counted as it is told of.
"""

NOTICE = """
CREATE OR REPLACE FUNCTION bursar.tell_waiting(windows bursar.match[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Only where somebody waits: telling makes commits follow one another.
    UPDATE bursar.totals t SET is_awaited = false FROM unnest(windows) w
        WHERE t.cap_id = w.cap_id AND t.window_key = w.window_key AND t.is_awaited;
    IF FOUND THEN
        PERFORM pg_notify('bursar', 'room');
    END IF;
END $$
"""

HELD_WINDOWS = """
CREATE OR REPLACE FUNCTION bursar.held_windows(call_ids text[], speaker text) RETURNS bursar.match[]
LANGUAGE plpgsql AS $$
DECLARE
    found bursar.match[];
BEGIN
    PERFORM 1 FROM bursar.reservations r WHERE r.call_id = ANY (call_ids) AND r.member = speaker
        ORDER BY r.call_id FOR UPDATE;
    SELECT array_agg((0, h.cap_id, h.window_key, NULL, NULL, '', '', false, false)::bursar.match) INTO found
        FROM bursar.holds h JOIN bursar.reservations r USING (call_id)
        WHERE h.call_id = ANY (call_ids) AND r.member = speaker;
    RETURN coalesce(found, '{}');
END $$
"""

RAISE_ALERTS = """
CREATE OR REPLACE FUNCTION bursar.raise_alerts(windows bursar.match[], at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bursar.alerts (cap_id, window_key, percent, spent_nano_usd, limit_nano_usd, told_at)
        SELECT DISTINCT c.cap_id, t.window_key, p.percent, t.posted_nano_usd, l.allowed, at
        FROM unnest(windows) w
        JOIN bursar.caps c ON c.cap_id = w.cap_id AND c.removed_at IS NULL
        JOIN bursar.totals t ON t.cap_id = w.cap_id AND t.window_key = w.window_key
        CROSS JOIN LATERAL (SELECT bursar.limit_of(c.cap_id, t.window_key) AS allowed) l
        CROSS JOIN LATERAL unnest(string_to_array(c.alert_percents, ',')::integer[]) AS p(percent)
        WHERE t.posted_nano_usd::numeric * 100 >= l.allowed::numeric * p.percent
            AND NOT EXISTS (SELECT FROM bursar.alerts a WHERE a.cap_id = c.cap_id
                AND a.window_key = t.window_key AND a.percent = p.percent)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('bursar', 'alert');
    END IF;
END $$
"""

WRITE_CALL = """
CREATE OR REPLACE FUNCTION bursar.write_call(told jsonb, speaker text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM bursar.reservations r WHERE r.call_id = told ->> 'call_id' AND r.member <> speaker) THEN
        RETURN false; -- somebody else's call
    END IF;
    INSERT INTO bursar.calls (call_id, member, state, charged_at, started_at, provider, api_shape, operation,
            request_model, response_model, response_id, is_stream, outcome, status_code, error_type, duration_ms,
            time_to_first_chunk_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
            cache_write_1h_tokens, reasoning_tokens, input_audio_tokens, cache_audio_read_tokens, output_audio_tokens,
            web_searches, reported_cost_nano_usd, cost_nano_usd, charged_nano_usd, cost_basis, price_version, billing,
            request_class, agent_id, parent_agent_id, agent_kind,
            project, agent, user_name, team, task, session, virtual_key_id)
        SELECT c.call_id, speaker, told ->> 'state', at, c.started_at, c.provider, c.api_shape, c.operation,
            c.request_model, c.response_model, c.response_id, c.is_stream, c.outcome, c.status_code, c.error_type,
            c.duration_ms, c.time_to_first_chunk_ms, c.input_tokens, c.output_tokens, c.cache_read_tokens,
            c.cache_write_tokens, c.cache_write_1h_tokens, c.reasoning_tokens, c.input_audio_tokens,
            c.cache_audio_read_tokens, c.output_audio_tokens, c.web_searches, c.reported_cost_nano_usd, c.cost_nano_usd,
            c.charged_nano_usd, c.cost_basis, c.price_version, c.billing, c.request_class, c.agent_id,
            c.parent_agent_id, c.agent_kind, c.project, c.agent, c.user_name, c.team, c.task, c.session,
            c.virtual_key_id
        FROM jsonb_populate_record(NULL::bursar.calls, told) c
        -- What was moved in before its end was told here was never counted: it is now.
        ON CONFLICT (call_id) DO UPDATE SET charged_at = excluded.charged_at, state = excluded.state
            WHERE calls.charged_at IS NULL AND calls.member = excluded.member;
    RETURN FOUND;
END $$
"""

CHARGE = """
CREATE OR REPLACE FUNCTION bursar.charge(windows bursar.match[], was_held bigint, charged bigint, is_unpriced boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE bursar.totals t SET held_nano_usd = t.held_nano_usd - was_held,
        posted_nano_usd = t.posted_nano_usd + charged, unpriced_calls = t.unpriced_calls + is_unpriced::integer
        FROM (SELECT DISTINCT cap_id, window_key FROM unnest(windows)) w
        WHERE t.cap_id = w.cap_id AND t.window_key = w.window_key;
END $$
"""

SETTLE_ONE = """
CREATE OR REPLACE FUNCTION bursar.settle_one(told jsonb, windows bursar.match[], speaker text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known bursar.reservations;
    charged bigint := (told ->> 'charged_nano_usd')::bigint;
    is_unpriced boolean := (told ->> 'cost_nano_usd') IS NULL;
BEGIN
    SELECT * INTO known FROM bursar.reservations r WHERE r.call_id = told ->> 'call_id' AND r.member = speaker;
    IF NOT bursar.write_call(told, speaker, coalesce(known.reserved_at, bursar.instant_of(told, speaker))) THEN
        RETURN;
    END IF;
    IF known.call_id IS NOT NULL THEN
        windows := bursar.held_windows(ARRAY[known.call_id], speaker);
        DELETE FROM bursar.reservations r WHERE r.call_id = known.call_id;
    END IF;
    PERFORM bursar.charge(windows, coalesce(known.held_nano_usd, 0), charged, is_unpriced);
    PERFORM bursar.draw(told -> 'lease_ids', charged, speaker);
    PERFORM bursar.raise_alerts(windows, bursar.current_instant());
    PERFORM bursar.tell_waiting(windows);
END $$
"""

# A call that was never held here counts when its laptop says it began, but never in the future; one that was held
# against leases counts in their windows, should the two clocks disagree about midnight.
INSTANT_OF = """
CREATE OR REPLACE FUNCTION bursar.instant_of(told jsonb, speaker text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT greatest(least(bursar.current_instant(), bursar.from_micros((told ->> 'started_at')::bigint),
            min(l.ends_at) - interval '1 microsecond'), max(l.starts_at))
        FROM bursar.leases l WHERE l.member = speaker
            AND l.lease_id IN (SELECT jsonb_array_elements_text(coalesce(told -> 'lease_ids', '[]'))));
END $$
"""

UNKNOWN_WINDOWS = """
CREATE OR REPLACE FUNCTION bursar.unknown_windows(ended jsonb, speaker text) RETURNS bursar.match[]
LANGUAGE plpgsql AS $$
DECLARE
    found bursar.match[];
BEGIN
    WITH unknown AS MATERIALIZED (
        SELECT e.told, e.place, bursar.instant_of(e.told, speaker) AS at
        FROM jsonb_array_elements(ended) WITH ORDINALITY e(told, place)
        WHERE NOT EXISTS (SELECT FROM bursar.calls k
            WHERE k.call_id = e.told ->> 'call_id' AND k.charged_at IS NOT NULL) AND NOT EXISTS (
            SELECT FROM bursar.reservations r WHERE r.call_id = e.told ->> 'call_id' AND r.member = speaker)
    )
    SELECT array_agg(m) INTO found FROM unknown u
        CROSS JOIN LATERAL bursar.matching(u.place, u.told, speaker, u.at) m;
    RETURN coalesce(found, '{}');
END $$
"""

SETTLE = """
CREATE OR REPLACE FUNCTION bursar.settle(ended jsonb) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    held bursar.match[];
    unknown bursar.match[];
    one record;
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    held := bursar.held_windows(ARRAY(SELECT e ->> 'call_id' FROM jsonb_array_elements(ended) e), speaker);
    unknown := bursar.unknown_windows(ended, speaker);
    PERFORM bursar.open_and_lock(held || unknown || bursar.lease_windows(
        ARRAY(SELECT jsonb_array_elements_text(coalesce(e -> 'lease_ids', '[]')) FROM jsonb_array_elements(ended) e),
        speaker));
    FOR one IN SELECT e.told, e.place FROM jsonb_array_elements(ended) WITH ORDINALITY e(told, place) ORDER BY e.place
    LOOP
        PERFORM bursar.settle_one(one.told, ARRAY(SELECT u FROM unnest(unknown) u WHERE u.position = one.place),
            speaker);
    END LOOP;
END $$
"""

FUNCTIONS = (
    NOTICE, HELD_WINDOWS, RAISE_ALERTS, WRITE_CALL, CHARGE, SETTLE_ONE, INSTANT_OF, UNKNOWN_WINDOWS, SETTLE,
)  # fmt: skip
