"""Holds that end without a bill, that grow while an answer does, or whose laptop never comes back."""

RELEASE = """
CREATE OR REPLACE FUNCTION bursar.release(call_ids text[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    held bursar.match[];
    known record;
BEGIN
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    held := bursar.held_windows(call_ids, speaker);
    PERFORM bursar.open_and_lock(held);
    FOR known IN SELECT r.call_id, r.held_nano_usd FROM bursar.reservations r
        WHERE r.call_id = ANY (call_ids) AND r.member = speaker
    LOOP
        PERFORM bursar.charge(bursar.held_windows(ARRAY[known.call_id], speaker), known.held_nano_usd, 0, false);
        DELETE FROM bursar.reservations r WHERE r.call_id = known.call_id;
    END LOOP;
    PERFORM bursar.tell_waiting(held);
END $$
"""

EXTEND = """
CREATE OR REPLACE FUNCTION bursar.extend(of_call text, more bigint) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    held bursar.match[];
BEGIN
    IF more <= 0 THEN
        PERFORM bursar.refuse('Not more', 'A hold only grows.');
    END IF;
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    held := bursar.held_windows(ARRAY[of_call], speaker);
    PERFORM bursar.open_and_lock(held);
    IF NOT EXISTS (SELECT FROM bursar.reservations r WHERE r.call_id = of_call AND r.member = speaker) OR EXISTS (
        SELECT FROM unnest(held) w
        JOIN bursar.caps c ON c.cap_id = w.cap_id AND c.action <> 'alert' AND c.mode = 'enforce'
        JOIN bursar.totals t ON t.cap_id = w.cap_id AND t.window_key = w.window_key
        WHERE t.posted_nano_usd + t.held_nano_usd + more::numeric > bursar.limit_of(w.cap_id, w.window_key))
    THEN
        RETURN false;
    END IF;
    UPDATE bursar.reservations r SET held_nano_usd = held_nano_usd + more WHERE r.call_id = of_call;
    PERFORM bursar.charge(held, -more, 0, false);
    RETURN true;
END $$
"""

# All that is known of a call whose laptop is gone: it may have been answered, and billed.
LOST_CALL = """
CREATE OR REPLACE FUNCTION bursar.lost_call(known bursar.reservations) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT known.call || jsonb_build_object(
        'started_at', bursar.micros(known.reserved_at), 'state', 'uncertain', 'outcome', 'interrupted',
        'error_type', 'meter_died', 'cost_nano_usd', NULL, 'cost_basis', 'unpriced', 'price_version', '',
        'response_model', '', 'response_id', '',
        'charged_nano_usd', greatest(known.held_nano_usd, known.worst_nano_usd))
$$
"""

ABANDON = """
CREATE OR REPLACE FUNCTION bursar.abandon(of_member text, of_instance text) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    held bursar.match[];
    known bursar.reservations;
    number integer := 0;
BEGIN
    IF of_member <> speaker AND bursar.my_role() <> 'lead' THEN
        PERFORM bursar.refuse('Not yours to end', 'A lead can end what a laptop of somebody else holds.');
    END IF;
    LOCK TABLE bursar.caps IN ROW SHARE MODE;
    held := bursar.held_windows(ARRAY(SELECT r.call_id FROM bursar.reservations r
        WHERE r.member = of_member AND r.instance_id = of_instance), of_member);
    PERFORM bursar.open_and_lock(held);
    FOR known IN SELECT * FROM bursar.reservations r
        WHERE r.member = of_member AND r.instance_id = of_instance ORDER BY r.call_id
    LOOP
        PERFORM bursar.settle_one(bursar.lost_call(known), '{}', of_member);
        number := number + 1;
    END LOOP;
    RETURN number;
END $$
"""

# By laptop, without the calls themselves: enough to tell a laptop that works from one that is gone.
HELD = """
CREATE OR REPLACE FUNCTION bursar.held() RETURNS jsonb LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY h.since, h.member, h.instance_id), '[]') FROM (
        SELECT r.member, r.instance_id, count(*) AS calls, sum(r.held_nano_usd) AS held_nano_usd,
            bursar.micros(min(r.reserved_at)) AS since, bursar.micros(max(r.reserved_at)) AS last_at
        FROM bursar.reservations r WHERE r.member = speaker OR bursar.my_role() = 'lead'
        GROUP BY r.member, r.instance_id) h);
END $$
"""

FUNCTIONS = (RELEASE, EXTEND, LOST_CALL, ABANDON, HELD)
