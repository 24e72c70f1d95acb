"""Caps, raises and members, as a lead changes them and everybody reads them."""

CHECK_CAP = """
CREATE OR REPLACE FUNCTION bursar.check_cap(cap bursar.caps) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cap.hold <> 'strict' THEN
        PERFORM bursar.refuse('A team’s cap holds the most a call can cost',
            'Ways that hold less are for your own caps: leave the way to hold at strict.');
    ELSIF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = cap.time_zone) THEN
        PERFORM bursar.refuse('No such time zone', 'The team’s server does not know it. Write it like Europe/Berlin.');
    ELSIF EXISTS (SELECT FROM bursar.caps c WHERE c.cap_id <> cap.cap_id AND c.removed_at IS NULL
            AND (c.scope, c.scope_key, c.window_kind) = (cap.scope, cap.scope_key, cap.window_kind)) THEN
        PERFORM bursar.refuse('Another cap already does this', 'Edit that one.');
    ELSIF NOT (cap.limit_nano_usd BETWEEN 1 AND 4611686018427387904
            AND cap.scope IN ('everything', 'user', 'team', 'project', 'agent', 'task', 'session', 'virtual_key',
                'provider', 'model')
            AND cap.window_kind IN ('day', 'week', 'month', 'session', 'total')
            AND cap.action IN ('pause', 'block', 'alert') AND cap.mode IN ('enforce', 'observe')
            AND (cap.scope = 'everything') = (cap.scope_key = '') AND cap.week_start BETWEEN 0 AND 6) THEN
        PERFORM bursar.refuse('Not a cap', 'This laptop’s Bursar asked for what the team’s does not know.');
    END IF;
END $$
"""

SET_CAP = """
CREATE OR REPLACE FUNCTION bursar.set_cap(asked jsonb) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    cap bursar.caps;
BEGIN
    LOCK TABLE bursar.caps IN EXCLUSIVE MODE;
    cap := jsonb_populate_record(NULL::bursar.caps, asked);
    PERFORM bursar.check_cap(cap);
    UPDATE bursar.caps c SET scope = cap.scope, scope_key = cap.scope_key, window_kind = cap.window_kind,
        limit_nano_usd = cap.limit_nano_usd, action = cap.action, alert_percents = cap.alert_percents,
        time_zone = cap.time_zone, week_start = cap.week_start, mode = cap.mode, default_answer = cap.default_answer,
        answer_after_s = cap.answer_after_s, counts_subscriptions = cap.counts_subscriptions
        WHERE c.cap_id = cap.cap_id AND c.removed_at IS NULL;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM bursar.caps c WHERE c.cap_id = cap.cap_id) THEN
            PERFORM bursar.refuse('No such cap', 'It was removed. Add it again.');
        END IF;
        cap.created_at := bursar.current_instant();
        cap.created_by := speaker;
        cap.removed_at := NULL;
        INSERT INTO bursar.caps SELECT cap.*;
    END IF;
    PERFORM bursar.recount(cap.cap_id);
END $$
"""

REMOVE_CAP = """
CREATE OR REPLACE FUNCTION bursar.remove_cap(of_cap text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := bursar.current_instant();
BEGIN
    PERFORM bursar.me();
    LOCK TABLE bursar.caps IN EXCLUSIVE MODE;
    UPDATE bursar.caps c SET removed_at = at WHERE c.cap_id = of_cap;
    PERFORM bursar.forget(of_cap, at);
    PERFORM pg_notify('bursar', 'caps');
END $$
"""

RESTORE_CAP = """
CREATE OR REPLACE FUNCTION bursar.restore_cap(of_cap text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cap bursar.caps;
BEGIN
    PERFORM bursar.me();
    LOCK TABLE bursar.caps IN EXCLUSIVE MODE;
    SELECT * INTO cap FROM bursar.caps c WHERE c.cap_id = of_cap;
    IF cap.cap_id IS NULL THEN
        PERFORM bursar.refuse('No such cap', 'Add it again.');
    END IF;
    PERFORM bursar.check_cap(cap);
    UPDATE bursar.caps c SET removed_at = NULL WHERE c.cap_id = of_cap;
    PERFORM bursar.recount(of_cap);
END $$
"""

RAISE_WINDOW = """
CREATE OR REPLACE FUNCTION bursar.raise_window(of_cap text, of_window text, more bigint, until_micros bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    at timestamptz := bursar.current_instant();
    known bursar.totals;
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    PERFORM bursar.end_raises(at);
    SELECT * INTO known FROM bursar.totals t WHERE t.cap_id = of_cap AND t.window_key = of_window FOR UPDATE;
    IF known.cap_id IS NULL OR known.ends_at <= at THEN
        PERFORM bursar.refuse('This window is over', 'Edit the cap itself to change its limit.');
    ELSIF more <= 0 OR bursar.limit_of(of_cap, of_window) + more::numeric > 4611686018427387904 THEN
        PERFORM bursar.refuse('Not a raise', 'The amount must be above $0, and the new limit at most $4,000,000,000.');
    ELSIF bursar.from_micros(until_micros) <= at THEN
        PERFORM bursar.refuse('This time has passed', 'A raise needs an end in the future, or none.');
    END IF;
    INSERT INTO bursar.raises (cap_id, window_key, amount_nano_usd, until, made_at, made_by)
        VALUES (of_cap, of_window, more, bursar.from_micros(until_micros), at, speaker);
    PERFORM pg_notify('bursar', 'room');
END $$
"""

CAPS = """
CREATE OR REPLACE FUNCTION bursar.caps() RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.created_at, c.cap_id), '[]')
    FROM bursar.caps c WHERE c.removed_at IS NULL AND bursar.my_role() IS NOT NULL
$$
"""

# A window of a cap on each person is that person's own to see, and a lead's and a viewer's.
TOTALS = """
CREATE OR REPLACE FUNCTION bursar.totals() RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH running AS (
        SELECT t.cap_id, t.window_key, t.starts_at, t.ends_at, t.posted_nano_usd, t.held_nano_usd, t.unpriced_calls
        FROM bursar.totals t WHERE t.starts_at IS NULL
            OR (t.starts_at <= bursar.current_instant() AND t.ends_at > bursar.current_instant())
        UNION ALL
        SELECT c.cap_id, s.window_key, s.starts_at, s.ends_at, coalesce(n.spent, 0), 0, coalesce(n.unpriced, 0)
        FROM bursar.caps c
        CROSS JOIN LATERAL bursar.span(
            c.window_kind, bursar.current_instant(), c.time_zone, c.week_start, '') s
        LEFT JOIN LATERAL (
            SELECT * FROM bursar.counted(c, s.starts_at, s.ends_at, '', c.scope_key)
            -- As where a window is opened: what began after a cap was counted has nothing in it.
            WHERE NOT (s.starts_at > c.counted_until)) n ON true
        WHERE c.removed_at IS NULL AND c.window_kind <> 'session' AND c.scope_key <> '*' AND NOT EXISTS (
            SELECT FROM bursar.totals t WHERE t.cap_id = c.cap_id AND t.window_key = s.window_key)
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'cap_id', r.cap_id, 'window_key', r.window_key, 'starts_at', bursar.micros(r.starts_at),
        'ends_at', bursar.micros(r.ends_at), 'spent_nano_usd', r.posted_nano_usd, 'held_nano_usd', r.held_nano_usd,
        'leased_nano_usd', coalesce((SELECT sum(l.left_nano_usd) FROM bursar.leases l WHERE l.cap_id = r.cap_id
            AND l.window_key = r.window_key AND l.ended_at IS NULL), 0),
        'limit_nano_usd', bursar.limit_of(r.cap_id, r.window_key), 'unpriced_calls', r.unpriced_calls)
        ORDER BY c.created_at, r.cap_id, r.window_key), '[]')
    FROM running r JOIN bursar.caps c ON c.cap_id = r.cap_id
    WHERE bursar.my_role() IN ('lead', 'viewer')
        OR (bursar.my_role() = 'member' AND (c.scope <> 'user' OR c.scope_key = bursar.me()
            OR (c.scope_key = '*' AND right(r.window_key, length(bursar.me()) + 1) = '|' || bursar.me())))
$$
"""

MEMBERS = """
CREATE OR REPLACE FUNCTION bursar.members() RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'role', m.role,
        'joined_at', bursar.micros(m.joined_at), 'ended_at', bursar.micros(m.ended_at))
        ORDER BY m.joined_at, m.name), '[]')
    FROM bursar.members m WHERE bursar.my_role() IS NOT NULL
$$
"""

WHO = """
CREATE OR REPLACE FUNCTION bursar.who() RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('version', (SELECT max(v.version) FROM bursar.versions v),
        'team', (SELECT t.name FROM bursar.team t), 'name', m.name, 'role', m.role)
    FROM bursar.members m WHERE m.login = session_user AND m.ended_at IS NULL
$$
"""

FUNCTIONS = (CHECK_CAP, SET_CAP, REMOVE_CAP, RESTORE_CAP, RAISE_WINDOW, CAPS, TOTALS, MEMBERS, WHO)
