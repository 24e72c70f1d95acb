"""What was spent, and the calls themselves as they are moved in and out. Row-level security picks whose they are."""

SPEND = """
CREATE OR REPLACE FUNCTION bursar.spend(from_micros bigint, to_micros bigint, zone text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]') FROM (
        SELECT to_char(bursar.local_day(bursar.from_micros(k.started_at), zone), 'YYYY-MM-DD') AS day, k.member,
            k.project, k.agent, count(*) AS calls, coalesce(sum(k.cost_nano_usd), 0) AS cost_nano_usd,
            count(*) FILTER (WHERE k.cost_nano_usd IS NULL) AS unpriced_calls
        FROM bursar.calls k
        WHERE k.started_at >= from_micros AND k.started_at < to_micros AND k.outcome <> 'refused'
            AND k.billing <> 'subscription'
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4) s
$$
"""

# Without names: what the team spent is for every member to see, who spent it is not.
TEAM_SPEND = """
CREATE OR REPLACE FUNCTION bursar.team_spend(from_micros bigint, to_micros bigint, zone text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]') FROM (
        SELECT to_char(bursar.local_day(bursar.from_micros(k.started_at), zone), 'YYYY-MM-DD') AS day, '' AS member,
            '' AS project, '' AS agent, count(*) AS calls, coalesce(sum(k.cost_nano_usd), 0) AS cost_nano_usd,
            count(*) FILTER (WHERE k.cost_nano_usd IS NULL) AS unpriced_calls
        FROM bursar.calls k
        WHERE k.started_at >= from_micros AND k.started_at < to_micros AND k.outcome <> 'refused'
            AND k.billing <> 'subscription' AND k.charged_at IS NOT NULL AND bursar.my_role() IS NOT NULL
        GROUP BY 1 ORDER BY 1) s
$$
"""

MOVE_IN = """
CREATE OR REPLACE FUNCTION bursar.move_in(told jsonb) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    one jsonb;
    number integer := 0;
BEGIN
    FOR one IN SELECT jsonb_array_elements(told) LOOP
        IF NOT EXISTS (SELECT FROM bursar.calls k WHERE k.call_id = one ->> 'call_id') THEN
            number := number + bursar.write_call(one || '{"state": "moved"}', speaker, NULL)::integer;
        END IF;
    END LOOP;
    RETURN number;
END $$
"""

MOVE_OUT = """
CREATE OR REPLACE FUNCTION bursar.move_out(after bigint, most integer) RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.row_id), '[]') FROM (
        SELECT * FROM bursar.calls k WHERE k.member = bursar.me() AND k.row_id > after ORDER BY k.row_id LIMIT most) p
$$
"""

ALERTS = """
CREATE OR REPLACE FUNCTION bursar.alerts_after(after bigint) RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('alert_id', a.alert_id, 'cap', to_jsonb(c),
        'window_key', a.window_key, 'percent', a.percent, 'spent_nano_usd', a.spent_nano_usd,
        'limit_nano_usd', a.limit_nano_usd, 'told_at', bursar.micros(a.told_at)) ORDER BY a.alert_id), '[]')
    FROM bursar.alerts a JOIN bursar.caps c USING (cap_id)
    WHERE a.alert_id > after AND bursar.my_role() IS NOT NULL
        AND (c.scope <> 'user' OR bursar.my_role() <> 'member' OR c.scope_key = bursar.me())
$$
"""

FUNCTIONS = (SPEND, TEAM_SPEND, MOVE_IN, MOVE_OUT, ALERTS)
