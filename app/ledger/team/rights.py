"""Who may do what: logins execute functions, by role, and touch no table.

`bursar_owner` owns the tables and the functions that change them. `bursar_reader` owns those that read rows of single
members: row-level security decides there whose rows they are, so that a mistake in a function cannot show more. Nobody
logs in as either. PUBLIC has nothing.
"""

from app.core.team import Role

OWNER, READER = "bursar_owner", "bursar_reader"
GROUPS = {Role.MEMBER: "bursar_member", Role.LEAD: "bursar_lead", Role.VIEWER: "bursar_viewer"}

FOR_EVERYBODY = (
    *("who()", "caps()", "totals()", "members()", "alerts_after(bigint)"),
    *("spend(bigint, bigint, text)", "team_spend(bigint, bigint, text)"),
)
FOR_SPENDERS = (
    *("reserve(jsonb)", "settle(jsonb)", "release(text[])", "extend(text, bigint)", "abandon(text, text)"),
    "held()",
    *("take_leases(jsonb, text, bigint)", "give_back(text[])", "leases()"),
    *("ask(jsonb, double precision)", "states(text[])", "postpone(text, text, double precision)"),
    *("close_questions(text[], text)", "questions(boolean, integer)", "move_in(jsonb)", "move_out(bigint, integer)"),
)
FOR_LEADS = (
    *("set_cap(jsonb)", "remove_cap(text)", "restore_cap(text)", "raise_window(text, text, bigint, bigint)"),
    *("answer(text, text, boolean)", "end_lease(text)"),
)
MAY_EXECUTE = {
    Role.VIEWER: FOR_EVERYBODY,
    Role.MEMBER: FOR_EVERYBODY + FOR_SPENDERS,
    Role.LEAD: FOR_EVERYBODY + FOR_SPENDERS + FOR_LEADS,
}

_ROLE = """
DO $$ BEGIN
    CREATE ROLE {0} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""
ROLES = tuple(_ROLE.format(name) for name in (OWNER, READER, *GROUPS.values()))
BECOME_OWNER = (f"GRANT {OWNER}, {READER} TO CURRENT_USER",)

_OF_ONE = "member = (SELECT bursar.me())"
POLICIES = (
    f"""CREATE POLICY own_or_seen ON bursar.calls FOR SELECT TO {READER}
        USING ({_OF_ONE} OR (SELECT bursar.my_role()) IN ('lead', 'viewer'))""",
    f"""CREATE POLICY own_or_led ON bursar.approvals FOR SELECT TO {READER}
        USING ({_OF_ONE} OR (SELECT bursar.my_role()) = 'lead')""",
    f"""CREATE POLICY own_or_led ON bursar.leases FOR SELECT TO {READER}
        USING ({_OF_ONE} OR (SELECT bursar.my_role()) = 'lead')""",
)

_USED_BY_READER = (
    *("me()", "my_role()", "micros(timestamptz)", "from_micros(bigint)", "current_instant()"),
    *("local_day(timestamptz, text)", "midnight(date, text)"),
)
READER_GRANTS = (
    f"GRANT USAGE, CREATE ON SCHEMA bursar TO {READER}",
    f"GRANT SELECT ON bursar.calls, bursar.approvals, bursar.leases TO {READER}",
    *(f"GRANT EXECUTE ON FUNCTION bursar.{function} TO {READER}" for function in _USED_BY_READER),
)
OF_READER = ("leases()", "questions(boolean, integer)", "spend(bigint, bigint, text)", "move_out(bigint, integer)")
"""The functions that the reader owns. Only the owner of a function says who may execute it."""

SCHEMA_GRANTS = (
    f"REVOKE CREATE ON SCHEMA bursar FROM {READER}",
    "REVOKE ALL ON TYPE bursar.match FROM PUBLIC",
    "REVOKE ALL ON SCHEMA bursar FROM PUBLIC",
    *(f"GRANT USAGE ON SCHEMA bursar TO {group}" for group in GROUPS.values()),
)
NOT_FOR_PUBLIC = """
DO $$ DECLARE one regprocedure; BEGIN
    FOR one IN SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'bursar'::regnamespace AND p.proowner = current_user::regrole
    LOOP
        EXECUTE 'REVOKE ALL ON FUNCTION ' || one || ' FROM PUBLIC';
    END LOOP;
END $$
"""
EVERY_TABLE = """
DO $$ DECLARE one regclass; BEGIN
    FOR one IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'bursar'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE 'ALTER TABLE ' || one || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'REVOKE ALL ON TABLE ' || one || ' FROM PUBLIC';
    END LOOP;
END $$
"""


def execute_grants(*, of_reader: bool) -> list[str]:
    """Who may execute the functions of the reader, or those of the owner."""
    return [
        f"GRANT EXECUTE ON FUNCTION bursar.{function} TO {GROUPS[role]}"
        for role, functions in MAY_EXECUTE.items()
        for function in functions
        if (function in OF_READER) is of_reader
    ]
