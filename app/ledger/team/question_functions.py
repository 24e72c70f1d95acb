"""Questions to a lead, and the answers: `app.ledger.approval_store` for a team.

What a lead is told of the money is the server's, whatever the laptop that asks says. A question ends by itself when its
time is over; its cap may have an answer for when nobody gives one.
"""

ASK = """
CREATE OR REPLACE FUNCTION bursar.ask(asked jsonb, wait_s double precision) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    at timestamptz := bursar.current_instant();
    cap bursar.caps;
    made text := replace(gen_random_uuid()::text, '-', '');
BEGIN
    SELECT * INTO cap FROM bursar.caps c WHERE c.cap_id = asked ->> 'cap_id' AND c.removed_at IS NULL;
    IF cap.cap_id IS NULL OR cap.action <> 'pause' THEN
        PERFORM bursar.refuse('Nobody is asked about this cap', 'It was changed or removed. Send the call again.');
    END IF;
    INSERT INTO bursar.approvals (approval_id, call_id, member, instance_id, provider, model, cap_id, cap_name,
            window_key, worst_nano_usd, spent_nano_usd, limit_nano_usd, asked_at, expires_at, state, answered_by,
            default_answer, default_at, project, agent, user_name, team, task, session, virtual_key_id)
        SELECT made, a.call_id, speaker, a.instance_id, a.provider, a.model, a.cap_id, a.cap_name, a.window_key,
            a.worst_nano_usd, coalesce(t.posted_nano_usd, 0), bursar.limit_of(a.cap_id, a.window_key), at,
            at + wait_s * interval '1 second', 'waiting', '',
            cap.default_answer, at + cap.answer_after_s * interval '1 second', a.project, a.agent, speaker, a.team,
            a.task, a.session, a.virtual_key_id
        FROM jsonb_populate_record(NULL::bursar.approvals, asked) a
        LEFT JOIN bursar.totals t ON t.cap_id = a.cap_id AND t.window_key = a.window_key;
    PERFORM pg_notify('bursar', 'question');
    RETURN made;
END $$
"""

END_QUESTIONS = """
CREATE OR REPLACE FUNCTION bursar.end_questions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := bursar.current_instant();
BEGIN
    UPDATE bursar.approvals SET answered_at = at,
        state = CASE WHEN default_at > at OR default_answer = '' THEN 'expired'
            WHEN default_answer = 'approve' THEN 'approved' ELSE 'refused' END,
        answered_by = CASE WHEN default_at > at OR default_answer = '' THEN '' ELSE 'default answer' END
        WHERE approval_id IN (SELECT approval_id FROM bursar.approvals
            WHERE state = 'waiting' AND (expires_at <= at OR (default_answer <> '' AND default_at <= at))
            ORDER BY approval_id FOR UPDATE);
END $$
"""

STATES = """
CREATE OR REPLACE FUNCTION bursar.states(ids text[]) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
BEGIN
    PERFORM bursar.end_questions();
    RETURN (SELECT coalesce(jsonb_object_agg(a.approval_id, a.state), '{}') FROM bursar.approvals a
        WHERE a.approval_id = ANY (ids) AND (a.member = speaker OR bursar.my_role() = 'lead'));
END $$
"""

POSTPONE = """
CREATE OR REPLACE FUNCTION bursar.postpone(id text, of_call text, wait_s double precision) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
BEGIN
    -- An answer is good for one call: not for another one once that was held.
    UPDATE bursar.approvals a SET call_id = of_call
        WHERE a.approval_id = id AND a.member = speaker AND a.state IN ('waiting', 'approved', 'refused')
            AND NOT EXISTS (SELECT FROM bursar.reservations r WHERE r.call_id = a.call_id)
            AND NOT EXISTS (SELECT FROM bursar.calls k WHERE k.call_id = a.call_id);
    UPDATE bursar.approvals a SET expires_at = bursar.current_instant() + wait_s * interval '1 second'
        WHERE a.approval_id = id AND a.call_id = of_call AND a.member = speaker AND a.state = 'waiting';
END $$
"""

CLOSE = """
CREATE OR REPLACE FUNCTION bursar.close_questions(ids text[], as_state text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
BEGIN
    IF as_state NOT IN ('moot', 'gone', 'expired') THEN
        PERFORM bursar.refuse('Not an end', 'Only a lead answers.');
    END IF;
    UPDATE bursar.approvals SET state = as_state, answered_at = bursar.current_instant()
        WHERE approval_id IN (SELECT a.approval_id FROM bursar.approvals a
            WHERE a.approval_id = ANY (ids) AND a.member = speaker AND a.state = 'waiting'
            ORDER BY a.approval_id FOR UPDATE);
    IF FOUND THEN
        PERFORM pg_notify('bursar', 'question');
    END IF;
END $$
"""

ANSWER = """
CREATE OR REPLACE FUNCTION bursar.answer(id text, given text, for_session boolean) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := bursar.me();
    at timestamptz := bursar.current_instant();
    asked bursar.approvals;
BEGIN
    PERFORM bursar.end_questions();
    IF given NOT IN ('approved', 'refused') THEN
        PERFORM bursar.refuse('Not an answer', 'Approve the call or refuse it.');
    END IF;
    SELECT * INTO asked FROM bursar.approvals a WHERE a.approval_id = id FOR UPDATE;
    IF asked.state IS DISTINCT FROM 'waiting' THEN
        PERFORM bursar.refuse('This call no longer waits', 'It was answered already, or its client went away.');
    ELSIF for_session AND asked.session = '' THEN
        PERFORM bursar.refuse('This call names no session', 'Approve it once, or raise the cap.');
    END IF;
    UPDATE bursar.approvals a SET state = given, answered_at = at, answered_by = speaker WHERE a.approval_id = id;
    IF for_session AND given = 'approved' THEN
        PERFORM bursar.let_session(asked, speaker, at);
    END IF;
    PERFORM pg_notify('bursar', 'question');
END $$
"""

LET_SESSION = """
CREATE OR REPLACE FUNCTION bursar.let_session(asked bursar.approvals, speaker text, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bursar.session_grants (member, session, virtual_key_id, cap_id, window_key, granted_at, granted_by)
        VALUES (asked.member, asked.session, asked.virtual_key_id, asked.cap_id, asked.window_key, at, speaker)
        ON CONFLICT DO NOTHING;
    UPDATE bursar.approvals SET state = 'approved', answered_at = at, answered_by = speaker
        WHERE approval_id IN (SELECT a.approval_id FROM bursar.approvals a
            WHERE a.state = 'waiting' AND a.member = asked.member AND a.session = asked.session
                AND a.virtual_key_id = asked.virtual_key_id AND a.cap_id = asked.cap_id
                AND a.window_key = asked.window_key ORDER BY a.approval_id FOR UPDATE);
END $$
"""

# The table's policy decides whose questions these are: a member's own, all of them for a lead.
QUESTIONS = """
CREATE OR REPLACE FUNCTION bursar.questions(is_waiting boolean, most integer) RETURNS jsonb LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(q) || jsonb_build_object(
        'asked_at', bursar.micros(q.asked_at), 'expires_at', bursar.micros(q.expires_at),
        'answered_at', bursar.micros(q.answered_at), 'default_at', bursar.micros(q.default_at))
        ORDER BY CASE WHEN is_waiting THEN q.asked_at END, q.answered_at DESC), '[]')
    FROM (SELECT * FROM bursar.approvals a
        WHERE CASE WHEN is_waiting
            THEN a.state = 'waiting' AND a.expires_at > bursar.current_instant() ELSE a.state <> 'waiting' END
        ORDER BY CASE WHEN is_waiting THEN a.asked_at END, a.answered_at DESC LIMIT most) q
$$
"""

FUNCTIONS = (ASK, END_QUESTIONS, STATES, POSTPONE, CLOSE, LET_SESSION, ANSWER, QUESTIONS)
