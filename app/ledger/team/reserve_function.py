"""Hold what calls can cost in every window that matches them, or in none: one round trip for all that wait.

All windows of the batch are locked before the first call is looked at; the calls then have room one after another, in
the order they were given. A call that is held already is said to be so and not held twice. Exhausted is told from
contended as `app.ledger.admission` tells them.
"""

EXCUSED = """
CREATE OR REPLACE FUNCTION bursar.is_excused(asked jsonb, speaker text, of_cap text, of_window text)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM bursar.approvals a
        WHERE a.call_id = asked ->> 'call_id' AND a.member = speaker AND a.state = 'approved'
            AND a.cap_id = of_cap AND a.window_key = of_window
            AND coalesce((asked ->> 'held_nano_usd')::bigint, 0) <= coalesce(a.worst_nano_usd, 0)
            AND asked -> 'excused' @> jsonb_build_array(jsonb_build_array(of_cap, of_window))
    ) OR EXISTS (
        SELECT FROM bursar.session_grants g
        WHERE g.member = speaker AND g.session = asked ->> 'session' AND g.session <> ''
            AND g.virtual_key_id = asked ->> 'virtual_key_id' AND g.cap_id = of_cap AND g.window_key = of_window);
END $$
"""

# Compared as numeric: a million calls of a million dollars each would pass 64 bits.
OBSTACLES = """
CREATE OR REPLACE FUNCTION bursar.obstacles_to(windows bursar.match[], place bigint, asked jsonb, speaker text)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH stands AS (
        SELECT c, t, bursar.limit_of(c.cap_id, t.window_key) AS allowed,
            (asked ->> 'held_nano_usd')::numeric AS more, (asked ->> 'worst_nano_usd') IS NULL AS is_unpriced
        FROM unnest(windows) w
        JOIN bursar.caps c ON c.cap_id = w.cap_id
        JOIN bursar.totals t ON t.cap_id = w.cap_id AND t.window_key = w.window_key
        WHERE w.position = place AND w.is_hard AND NOT bursar.is_excused(asked, speaker, w.cap_id, w.window_key)
    ), refused AS (
        SELECT s.*, CASE WHEN s.is_unpriced THEN 'unpriced'
            WHEN (s.t).posted_nano_usd + s.more > s.allowed THEN 'exhausted'
            WHEN (s.t).posted_nano_usd + (s.t).held_nano_usd + s.more > s.allowed THEN 'contended' END AS refusal
        FROM stands s
    )
    SELECT jsonb_agg(jsonb_build_object(
        'refusal', r.refusal, 'cap', to_jsonb(r.c), 'window_key', (r.t).window_key,
        'spent_nano_usd', (r.t).posted_nano_usd, 'held_nano_usd', (r.t).held_nano_usd, 'limit_nano_usd', r.allowed,
        'resets_at', bursar.micros((r.t).ends_at)
    ) ORDER BY r.refusal <> 'exhausted', (r.c).created_at, (r.c).cap_id) FROM refused r WHERE r.refusal IS NOT NULL);
END $$
"""

HOLD = """
CREATE OR REPLACE FUNCTION bursar.hold(
    windows bursar.match[], place bigint, asked jsonb, speaker text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    amount bigint := (asked ->> 'held_nano_usd')::bigint;
BEGIN
    INSERT INTO bursar.reservations (call_id, member, instance_id, worst_nano_usd, held_nano_usd, reserved_at, call)
        VALUES (asked ->> 'call_id', speaker, asked ->> 'instance_id', (asked ->> 'worst_nano_usd')::bigint, amount, at,
            asked - 'excused')
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO bursar.observations (cap_id, window_key, call_id, member, seen_at)
        SELECT w.cap_id, w.window_key, asked ->> 'call_id', speaker, at FROM unnest(windows) w
        JOIN bursar.totals t ON t.cap_id = w.cap_id AND t.window_key = w.window_key
        WHERE w.position = place AND w.is_dry AND ((asked ->> 'worst_nano_usd') IS NULL
            OR t.posted_nano_usd + (asked ->> 'worst_nano_usd')::numeric > bursar.limit_of(w.cap_id, w.window_key));
    INSERT INTO bursar.holds (call_id, cap_id, window_key)
        SELECT asked ->> 'call_id', w.cap_id, w.window_key FROM unnest(windows) w WHERE w.position = place;
    UPDATE bursar.totals t SET held_nano_usd = t.held_nano_usd + amount FROM unnest(windows) w
        WHERE w.position = place AND t.cap_id = w.cap_id AND t.window_key = w.window_key;
    RETURN true;
END $$
"""

RESERVE_ONE = """
CREATE OR REPLACE FUNCTION bursar.reserve_one(
    windows bursar.match[], place bigint, asked jsonb, speaker text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    known bursar.reservations;
    found jsonb;
BEGIN
    SELECT * INTO known FROM bursar.reservations r WHERE r.call_id = asked ->> 'call_id';
    IF known.member = speaker THEN
        RETURN jsonb_build_object('held_nano_usd', known.held_nano_usd);
    ELSIF known.member IS NOT NULL OR EXISTS (SELECT FROM bursar.calls k WHERE k.call_id = asked ->> 'call_id') THEN
        RETURN jsonb_build_object('is_over', true);
    END IF;
    found := bursar.obstacles_to(windows, place, asked, speaker);
    IF found IS NULL THEN
        RETURN CASE WHEN bursar.hold(windows, place, asked, speaker, at)
            THEN jsonb_build_object('held_nano_usd', asked -> 'held_nano_usd')
            ELSE jsonb_build_object('is_over', true) END;
    END IF;
    UPDATE bursar.totals t SET is_awaited = true FROM jsonb_array_elements(found) o
        WHERE o ->> 'refusal' = 'contended' AND t.cap_id = o -> 'cap' ->> 'cap_id'
            AND t.window_key = o ->> 'window_key' AND NOT t.is_awaited;
    RETURN jsonb_build_object('held_nano_usd', asked -> 'held_nano_usd', 'obstacles', found);
END $$
"""

RESERVE = """
CREATE OR REPLACE FUNCTION bursar.reserve(asked jsonb) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    at timestamptz := bursar.current_instant();
    windows bursar.match[];
    answers jsonb := '[]';
    one record;
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    PERFORM bursar.end_raises(at);
    SELECT array_agg(m) INTO windows FROM jsonb_array_elements(asked) WITH ORDINALITY a(call, place)
        CROSS JOIN LATERAL bursar.matching(a.place, a.call, speaker, at) m;
    PERFORM bursar.open_and_lock(windows);
    FOR one IN SELECT a.call, a.place FROM jsonb_array_elements(asked) WITH ORDINALITY a(call, place) ORDER BY a.place
    LOOP
        answers := answers || bursar.reserve_one(windows, one.place, one.call, speaker, at);
    END LOOP;
    RETURN answers;
END $$
"""

FUNCTIONS = (EXCUSED, OBSTACLES, HOLD, RESERVE_ONE, RESERVE)
