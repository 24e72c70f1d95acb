"""Money that a laptop holds in advance, to go on within it while the server cannot be reached.

A lease is held like a call. What was spent of it is charged to the windows as any call is, and taken off the lease. One
that a lead ended is charged in full; what its laptop tells later is taken off what was charged.
"""

TAKE_LEASES = """
CREATE OR REPLACE FUNCTION bursar.take_leases(payers jsonb, of_instance text, size bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    at timestamptz := bursar.current_instant();
    windows bursar.match[];
    w bursar.match;
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    PERFORM bursar.end_raises(at);
    SELECT array_agg(m) INTO windows FROM jsonb_array_elements(payers) p
        CROSS JOIN LATERAL bursar.matching(0, p, speaker, at) m WHERE m.is_hard;
    PERFORM bursar.open_and_lock(windows);
    FOR w IN SELECT DISTINCT ON (m.cap_id, m.window_key) m.* FROM unnest(windows) m ORDER BY m.cap_id, m.window_key LOOP
        PERFORM bursar.fill_lease(w, speaker, of_instance, size, at);
    END LOOP;
END $$
"""

FILL_LEASE = """
CREATE OR REPLACE FUNCTION bursar.fill_lease(
    w bursar.match, speaker text, of_instance text, size bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known bursar.leases;
    more bigint;
BEGIN
    SELECT * INTO known FROM bursar.leases l WHERE l.member = speaker AND l.instance_id = of_instance
        AND l.cap_id = w.cap_id AND l.window_key = w.window_key AND l.ended_at IS NULL;
    SELECT least(size - coalesce(known.left_nano_usd, 0),
            bursar.limit_of(w.cap_id, w.window_key) - t.posted_nano_usd - t.held_nano_usd) INTO more
        FROM bursar.totals t WHERE t.cap_id = w.cap_id AND t.window_key = w.window_key;
    IF more <= 0 THEN
        RETURN;
    END IF;
    IF known.lease_id IS NULL THEN
        INSERT INTO bursar.leases (lease_id, cap_id, window_key, value, starts_at, ends_at, member, instance_id,
                left_nano_usd, taken_at)
            VALUES (replace(gen_random_uuid()::text, '-', ''), w.cap_id, w.window_key, w.value, w.starts_at, w.ends_at,
                speaker, of_instance, more, at);
    ELSE
        UPDATE bursar.leases l SET left_nano_usd = left_nano_usd + more WHERE l.lease_id = known.lease_id;
    END IF;
    UPDATE bursar.totals t SET held_nano_usd = t.held_nano_usd + more
        WHERE t.cap_id = w.cap_id AND t.window_key = w.window_key;
END $$
"""

LEASE_WINDOWS = """
CREATE OR REPLACE FUNCTION bursar.lease_windows(ids text[], of_member text) RETURNS bursar.match[]
LANGUAGE plpgsql AS $$
DECLARE
    found bursar.match[];
BEGIN
    SELECT array_agg((0, l.cap_id, l.window_key, NULL, NULL, '', '', false, false)::bursar.match) INTO found
        FROM bursar.leases l JOIN bursar.totals t ON t.cap_id = l.cap_id AND t.window_key = l.window_key
        WHERE l.lease_id = ANY (ids) AND l.member = of_member;
    RETURN coalesce(found, '{}');
END $$
"""

# A lease ended with a call that was not told of yet, or whose cap was set anew, may have less left than was spent.
DRAW = """
CREATE OR REPLACE FUNCTION bursar.draw(ids jsonb, charged bigint, speaker text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known bursar.leases;
    taken bigint;
BEGIN
    FOR known IN SELECT * FROM bursar.leases l WHERE l.member = speaker
        AND l.lease_id IN (SELECT jsonb_array_elements_text(coalesce(ids, '[]'))) ORDER BY l.lease_id
    LOOP
        taken := least(charged, known.left_nano_usd);
        UPDATE bursar.leases l SET left_nano_usd = left_nano_usd - taken WHERE l.lease_id = known.lease_id;
        UPDATE bursar.totals t SET
            held_nano_usd = t.held_nano_usd - CASE WHEN known.ended_at IS NULL THEN taken ELSE 0 END,
            posted_nano_usd = t.posted_nano_usd - CASE WHEN known.ended_at IS NULL THEN 0 ELSE taken END
            WHERE t.cap_id = known.cap_id AND t.window_key = known.window_key;
    END LOOP;
END $$
"""

GIVE_BACK = """
CREATE OR REPLACE FUNCTION bursar.give_back(ids text[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    windows bursar.match[];
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    windows := bursar.lease_windows(ids, speaker);
    PERFORM bursar.open_and_lock(windows);
    UPDATE bursar.totals t SET held_nano_usd = t.held_nano_usd - given.amount FROM (
            SELECT l.cap_id, l.window_key, sum(l.left_nano_usd)::bigint AS amount FROM bursar.leases l
            WHERE l.lease_id = ANY (ids) AND l.member = speaker AND l.ended_at IS NULL
            GROUP BY l.cap_id, l.window_key) given
        WHERE t.cap_id = given.cap_id AND t.window_key = given.window_key;
    UPDATE bursar.leases l SET left_nano_usd = 0, ended_at = bursar.current_instant(), ended_by = speaker
        WHERE l.lease_id = ANY (ids) AND l.member = speaker AND l.ended_at IS NULL;
    PERFORM bursar.tell_waiting(windows);
END $$
"""

END_LEASE = """
CREATE OR REPLACE FUNCTION bursar.end_lease(of_lease text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    known bursar.leases;
    windows bursar.match[];
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    SELECT * INTO known FROM bursar.leases l WHERE l.lease_id = of_lease;
    windows := bursar.lease_windows(ARRAY[of_lease], known.member);
    PERFORM bursar.open_and_lock(windows);
    UPDATE bursar.leases l SET ended_at = bursar.current_instant(), ended_by = speaker
        WHERE l.lease_id = of_lease AND l.ended_at IS NULL RETURNING * INTO known;
    IF NOT FOUND THEN
        PERFORM bursar.refuse('No such lease', 'It ended already. List those that run.');
    END IF;
    PERFORM bursar.charge(windows, known.left_nano_usd, known.left_nano_usd, false);
    PERFORM bursar.raise_alerts(windows, known.ended_at);
END $$
"""

LEASES = """
CREATE OR REPLACE FUNCTION bursar.leases() RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'lease_id', l.lease_id, 'cap_id', l.cap_id, 'window_key', l.window_key, 'amount_nano_usd', l.left_nano_usd,
        'ends_at', bursar.micros(l.ends_at), 'member', l.member, 'instance_id', l.instance_id,
        'taken_at', bursar.micros(l.taken_at)) ORDER BY l.taken_at, l.lease_id), '[]')
    FROM bursar.leases l WHERE l.ended_at IS NULL
$$
"""

FUNCTIONS = (LEASE_WINDOWS, FILL_LEASE, TAKE_LEASES, DRAW, GIVE_BACK, END_LEASE, LEASES)
