"""Opening the rows of windows, counted from the calls where a call may be in them already, and locking them in order.

Whoever changes windows holds ROW SHARE on `caps`, whoever changes caps EXCLUSIVE, so that no cap is counted anew while
money moves. Rows are made, and then locked, in the order of their keys: no two transactions wait for one another.
"""

# Put together for the scope at hand, since a function asked for each row takes ten times as long. Nothing but the
# names below becomes a part of it.
COUNTED = """
CREATE OR REPLACE FUNCTION bursar.counted(
    cap bursar.caps, from_at timestamptz, to_at timestamptz, of_session text, of_value text)
RETURNS TABLE (value text, spent bigint, unpriced bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
    named text := CASE cap.scope
        WHEN 'user' THEN 'k.member' WHEN 'project' THEN 'k.project' WHEN 'agent' THEN 'k.agent'
        WHEN 'task' THEN 'k.task' WHEN 'session' THEN 'k.session' WHEN 'virtual_key' THEN 'k.virtual_key_id'
        WHEN 'provider' THEN 'k.provider' WHEN 'model' THEN 'k.request_model' ELSE '$6' END;
BEGIN
    RETURN QUERY EXECUTE 'SELECT ' || named || '::text, sum(k.charged_nano_usd)::bigint,
            count(*) FILTER (WHERE k.cost_nano_usd IS NULL)
        FROM bursar.calls k
        WHERE k.charged_at IS NOT NULL
            AND ($1 IS NULL OR k.charged_at >= $1) AND ($2 IS NULL OR k.charged_at < $2)
            AND ($3 IS NULL OR k.session = $3) AND ($4 OR k.billing <> ''subscription'')
            AND ($5 IS NULL OR ' || named || ' = $5) AND ($7 OR ' || named || ' <> '''')
        GROUP BY 1'
        USING from_at, to_at, CASE WHEN cap.window_kind = 'session' THEN of_session END, cap.counts_subscriptions,
            of_value, CASE WHEN cap.scope = 'team' THEN (SELECT t.name FROM bursar.team t) ELSE '' END,
            cap.scope = 'everything';
END $$
"""

OPEN_COUNTED = """
CREATE OR REPLACE FUNCTION bursar.open_counted(cap bursar.caps, w bursar.match) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Calls on their way may end meanwhile: their rows are held until this is told to everybody.
    PERFORM 1 FROM bursar.reservations r
        WHERE cap.window_kind <> 'session' OR r.call ->> 'session' = w.session ORDER BY r.call_id FOR UPDATE;
    INSERT INTO bursar.totals (cap_id, window_key, starts_at, ends_at, posted_nano_usd, unpriced_calls)
        SELECT w.cap_id, w.window_key, w.starts_at, w.ends_at, coalesce(sum(c.spent), 0), coalesce(sum(c.unpriced), 0)
        FROM bursar.counted(cap, w.starts_at, w.ends_at, w.session, w.value) c
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO bursar.holds (call_id, cap_id, window_key)
        SELECT r.call_id, m.cap_id, m.window_key FROM bursar.reservations r
        CROSS JOIN LATERAL bursar.matching(0, r.call, r.member, r.reserved_at) m
        WHERE (cap.window_kind <> 'session' OR r.call ->> 'session' = w.session)
            AND m.cap_id = w.cap_id AND m.window_key = w.window_key
        ON CONFLICT DO NOTHING;
    UPDATE bursar.totals t SET
        held_nano_usd = held_nano_usd + coalesce((
            SELECT sum(r.held_nano_usd) FROM bursar.holds h JOIN bursar.reservations r USING (call_id)
            WHERE h.cap_id = w.cap_id AND h.window_key = w.window_key), 0) + coalesce((
            SELECT sum(l.left_nano_usd) FROM bursar.leases l
            WHERE l.cap_id = w.cap_id AND l.window_key = w.window_key AND l.ended_at IS NULL), 0),
        posted_nano_usd = posted_nano_usd + coalesce((
            SELECT sum(l.left_nano_usd) FROM bursar.leases l
            WHERE l.cap_id = w.cap_id AND l.window_key = w.window_key AND l.ended_at IS NOT NULL), 0)
        WHERE t.cap_id = w.cap_id AND t.window_key = w.window_key;
END $$
"""

OPEN_WINDOW = """
CREATE OR REPLACE FUNCTION bursar.open_window(w bursar.match) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    cap bursar.caps;
BEGIN
    SELECT * INTO cap FROM bursar.caps c WHERE c.cap_id = w.cap_id;
    -- No call can be in a window that began after its cap was counted, or was counted then and had nothing in it.
    IF cap.window_kind <> 'session' AND (w.starts_at IS NULL OR w.ends_at IS NULL OR w.starts_at > cap.counted_until
            OR (w.starts_at <= cap.counted_at AND cap.counted_at < w.ends_at)) THEN
        INSERT INTO bursar.totals (cap_id, window_key, starts_at, ends_at)
            VALUES (w.cap_id, w.window_key, w.starts_at, w.ends_at) ON CONFLICT DO NOTHING;
    ELSE
        PERFORM bursar.open_counted(cap, w);
    END IF;
END $$
"""

OPEN_AND_LOCK = """
CREATE OR REPLACE FUNCTION bursar.open_and_lock(windows bursar.match[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w bursar.match;
BEGIN
    FOR w IN SELECT DISTINCT ON (m.cap_id, m.window_key) m.* FROM unnest(windows) m
        WHERE NOT EXISTS (SELECT FROM bursar.totals t WHERE t.cap_id = m.cap_id AND t.window_key = m.window_key)
        ORDER BY m.cap_id, m.window_key
    LOOP
        PERFORM bursar.open_window(w);
    END LOOP;
    PERFORM 1 FROM bursar.totals t WHERE (t.cap_id, t.window_key) IN (
        SELECT m.cap_id, m.window_key FROM unnest(windows) m) ORDER BY t.cap_id, t.window_key FOR UPDATE;
END $$
"""

RECOUNT = """
CREATE OR REPLACE FUNCTION bursar.recount(of_cap text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := bursar.current_instant();
    cap bursar.caps;
BEGIN
    PERFORM bursar.forget(of_cap, at);
    SELECT * INTO cap FROM bursar.caps c WHERE c.cap_id = of_cap;
    IF cap.window_kind <> 'session' THEN
        PERFORM bursar.count_running(cap, at);
    END IF;
    UPDATE bursar.caps SET counted_at = at, counted_until = greatest(at,
        (SELECT max(k.charged_at) FROM bursar.calls k), (SELECT max(r.reserved_at) FROM bursar.reservations r))
        WHERE cap_id = of_cap;
    PERFORM pg_notify('bursar', 'caps');
END $$
"""

# All windows of a cap that run, of one value or of each: the calls are gone through once.
COUNT_RUNNING = """
CREATE OR REPLACE FUNCTION bursar.count_running(cap bursar.caps, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    running record;
BEGIN
    SELECT * INTO running FROM bursar.span(cap.window_kind, at, cap.time_zone, cap.week_start, '');
    INSERT INTO bursar.totals (cap_id, window_key, starts_at, ends_at, posted_nano_usd, unpriced_calls)
        SELECT cap.cap_id, bursar.key_for(cap.scope_key, running.window_key, c.value), running.starts_at,
            running.ends_at, c.spent, c.unpriced
        FROM bursar.counted(cap, running.starts_at, running.ends_at, '', nullif(cap.scope_key, '*')) c;
    INSERT INTO bursar.holds (call_id, cap_id, window_key)
        SELECT r.call_id, m.cap_id, m.window_key FROM bursar.reservations r
        CROSS JOIN LATERAL bursar.matching(0, r.call, r.member, r.reserved_at) m
        WHERE m.cap_id = cap.cap_id AND m.starts_at IS NOT DISTINCT FROM running.starts_at;
    INSERT INTO bursar.totals (cap_id, window_key, starts_at, ends_at)
        SELECT cap.cap_id, k.window_key, running.starts_at, running.ends_at FROM (
            SELECT running.window_key AS window_key WHERE cap.scope_key <> '*'
            UNION SELECT h.window_key FROM bursar.holds h WHERE h.cap_id = cap.cap_id
            UNION SELECT l.window_key FROM bursar.leases l WHERE l.cap_id = cap.cap_id AND l.left_nano_usd > 0
                AND l.window_key = bursar.key_for(cap.scope_key, running.window_key, l.value)) k
        ON CONFLICT DO NOTHING;
    UPDATE bursar.totals t SET
        held_nano_usd = coalesce((
            SELECT sum(r.held_nano_usd) FROM bursar.holds h JOIN bursar.reservations r USING (call_id)
            WHERE h.cap_id = t.cap_id AND h.window_key = t.window_key), 0) + coalesce((
            SELECT sum(l.left_nano_usd) FROM bursar.leases l
            WHERE l.cap_id = t.cap_id AND l.window_key = t.window_key AND l.ended_at IS NULL), 0),
        posted_nano_usd = t.posted_nano_usd + coalesce((
            SELECT sum(l.left_nano_usd) FROM bursar.leases l
            WHERE l.cap_id = t.cap_id AND l.window_key = t.window_key AND l.ended_at IS NOT NULL), 0)
        WHERE t.cap_id = cap.cap_id;
END $$
"""

FORGET = """
CREATE OR REPLACE FUNCTION bursar.forget(of_cap text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM bursar.totals WHERE cap_id = of_cap;
    DELETE FROM bursar.holds WHERE cap_id = of_cap;
    UPDATE bursar.raises SET ended_at = at WHERE cap_id = of_cap AND ended_at IS NULL;
END $$
"""

FUNCTIONS = (COUNTED, OPEN_COUNTED, OPEN_WINDOW, OPEN_AND_LOCK, FORGET, COUNT_RUNNING, RECOUNT)
