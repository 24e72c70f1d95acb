"""Who speaks, and which windows of which caps a call counts in: `Cap.applies_to` and `Cap.span` once more.

A call comes as JSON, named like the columns of a ledger's calls. Its user and its team are not taken from it: they are
the member whose login this is, and the team whose database.

What is asked for each call is written in PL/pgSQL, which keeps its plans: plain SQL is planned at each use, and took
twice as long.
"""

ME = """
CREATE OR REPLACE FUNCTION bursar.me() RETURNS text LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text;
BEGIN
    SELECT m.name INTO found FROM bursar.members m WHERE m.login = session_user AND m.ended_at IS NULL;
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'BU002', MESSAGE = 'You are not a member of this team',
            DETAIL = 'Ask its lead for an invitation.';
    END IF;
    RETURN found;
END $$
"""

MY_ROLE = """
CREATE OR REPLACE FUNCTION bursar.my_role() RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.role FROM bursar.members m WHERE m.login = session_user AND m.ended_at IS NULL
$$
"""

REFUSE = """
CREATE OR REPLACE FUNCTION bursar.refuse(title text, words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'BU001', MESSAGE = title, DETAIL = words;
END $$
"""

SCOPE_VALUE = """
CREATE OR REPLACE FUNCTION bursar.scope_value(scope text, call jsonb, member text) RETURNS text LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN CASE scope
        WHEN 'everything' THEN ''
        WHEN 'user' THEN member
        WHEN 'team' THEN (SELECT t.name FROM bursar.team t)
        WHEN 'model' THEN coalesce(call ->> 'request_model', '')
        WHEN 'virtual_key' THEN coalesce(call ->> 'virtual_key_id', '')
        ELSE coalesce(call ->> scope, '')
    END;
END $$
"""

KEY_FOR = r"""
CREATE OR REPLACE FUNCTION bursar.key_for(scope_key text, window_key text, value text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN scope_key = '*'
        THEN replace(replace(window_key, '\', '\\'), '|', '\|') || '|' || value
        ELSE window_key END
$$
"""

MATCH = """
DO $$ BEGIN
    CREATE TYPE bursar.match AS (
        position bigint, cap_id text, window_key text, starts_at timestamptz, ends_at timestamptz, value text,
        session text, is_hard boolean, is_dry boolean);
EXCEPTION WHEN duplicate_object THEN NULL; END $$
"""

MATCHING = """
CREATE OR REPLACE FUNCTION bursar.matching(place bigint, call jsonb, member text, at timestamptz)
RETURNS SETOF bursar.match LANGUAGE sql STABLE AS $$
    SELECT place, c.cap_id, bursar.key_for(c.scope_key, s.window_key, v.value), s.starts_at, s.ends_at, v.value,
        coalesce(call ->> 'session', ''),
        c.action <> 'alert' AND c.mode = 'enforce', c.action <> 'alert' AND c.mode = 'observe'
    FROM bursar.caps c
    CROSS JOIN LATERAL (SELECT bursar.scope_value(c.scope, call, member) AS value) v
    CROSS JOIN LATERAL bursar.span(
        c.window_kind, at, c.time_zone, c.week_start, coalesce(call ->> 'session', '')) s
    WHERE c.removed_at IS NULL
        AND (call ->> 'billing' <> 'subscription' OR c.counts_subscriptions)
        AND (c.window_kind <> 'session' OR coalesce(call ->> 'session', '') <> '')
        AND (c.scope = 'everything' OR (v.value <> '' AND c.scope_key IN ('*', v.value)))
$$
"""

LIMIT_OF = """
CREATE OR REPLACE FUNCTION bursar.limit_of(of_cap text, of_window text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT c.limit_nano_usd FROM bursar.caps c WHERE c.cap_id = of_cap) + coalesce((
        SELECT sum(r.amount_nano_usd) FROM bursar.raises r
        WHERE r.cap_id = of_cap AND r.window_key = of_window AND r.ended_at IS NULL), 0)::bigint;
END $$
"""

END_RAISES = """
CREATE OR REPLACE FUNCTION bursar.end_raises(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE bursar.raises SET ended_at = at WHERE raise_id IN (
        SELECT raise_id FROM bursar.raises WHERE ended_at IS NULL AND until <= at ORDER BY raise_id FOR UPDATE);
END $$
"""

FUNCTIONS = (ME, MY_ROLE, REFUSE, SCOPE_VALUE, KEY_FOR, MATCH, MATCHING, LIMIT_OF, END_RAISES)
