"""What time it is, and which window of a cap it falls in: `app.core.windows` once more, on the server.

The two must agree to the letter, since a laptop shows the windows that the server counts in; a test compares them over
zones and nights. Only hours are added to instants here: a day's length would depend on the connection's own zone.
"""

CURRENT_INSTANT = """
CREATE OR REPLACE FUNCTION bursar.current_instant() RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT pg_catalog.transaction_timestamp() $$
"""

MICROS = """
CREATE OR REPLACE FUNCTION bursar.micros(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$
"""

FROM_MICROS = """
CREATE OR REPLACE FUNCTION bursar.from_micros(since_1970 bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
AS $$ SELECT timestamptz '1970-01-01 00:00:00+00' + since_1970 * interval '1 microsecond' $$
"""

MIDNIGHT = """
CREATE OR REPLACE FUNCTION bursar.midnight(day date, zone text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    late timestamptz := day::timestamp AT TIME ZONE zone;
    before timestamptz := late - interval '24 hours';
    early timestamptz;
BEGIN
    -- Where clocks go back over midnight it comes twice, and the server takes the second: the first is the day's.
    early := (day::timestamp - ((before AT TIME ZONE zone) - (before AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC';
    RETURN CASE WHEN early < late AND early AT TIME ZONE zone = day::timestamp THEN early ELSE late END;
END $$
"""

LOCAL_DAY = """
CREATE OR REPLACE FUNCTION bursar.local_day(at timestamptz, zone text) RETURNS date LANGUAGE plpgsql STABLE AS $$
DECLARE
    today date := (at AT TIME ZONE zone)::date;
BEGIN
    RETURN CASE WHEN at >= bursar.midnight(today + 1, zone) THEN today + 1 ELSE today END;
END $$
"""

SPAN = """
CREATE OR REPLACE FUNCTION bursar.span(
    kind text, at timestamptz, zone text, week_start integer, session text,
    OUT window_key text, OUT starts_at timestamptz, OUT ends_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    first date;
    following date;
BEGIN
    IF kind = 'total' THEN
        window_key := 'total';
        RETURN;
    ELSIF kind = 'session' THEN
        window_key := 'session:' || session;
        RETURN;
    END IF;
    first := bursar.local_day(at, zone);
    IF kind = 'day' THEN
        following := first + 1;
        window_key := to_char(first, 'YYYY-MM-DD');
    ELSIF kind = 'week' THEN
        first := first - (extract(isodow FROM first)::integer + 6 - week_start) % 7;
        following := first + 7;
        window_key := 'week of ' || to_char(first, 'YYYY-MM-DD');
    ELSE
        first := first - (extract(day FROM first)::integer - 1);
        following := (first + interval '1 month')::date;
        window_key := to_char(first, 'YYYY-MM');
    END IF;
    starts_at := bursar.midnight(first, zone);
    ends_at := bursar.midnight(following, zone);
END $$
"""

FUNCTIONS = (CURRENT_INSTANT, MICROS, FROM_MICROS, MIDNIGHT, LOCAL_DAY, SPAN)
