"""A team's ledger, asked as a laptop's is: by a member, a lead and, for what neither may, a superuser."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.core.call import Outcome
from app.core.caps import Cap, Payer
from app.core.reservations import CapWindow, Draft, ReservationState, Verdict
from app.core.tags import Billing, Scope
from app.core.team import Asked, Ended
from app.core.windows import Window
from app.ledger.rows import tags_of
from app.ledger.window_totals import NOBODY
from tests.ledger.bookkeeping import Total, make_call
from tests.ledger.books import Running, Status
from tests.ledger.team.conftest import Site

EMPTY = (
    *("caps", "totals", "reservations", "holds", "calls", "alerts", "raises", "observations", "approvals"),
    *("session_grants", "leases"),
)
CLOCK = """
CREATE TABLE bursar.test_clock (at timestamptz);
INSERT INTO bursar.test_clock VALUES (now());
GRANT SELECT ON bursar.test_clock TO bursar_owner, bursar_reader;
CREATE OR REPLACE FUNCTION bursar.current_instant() RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT at FROM bursar.test_clock $$
"""


class TeamBooks:
    """The ledger of a team with one member whose meters come and go, in a database that is emptied at the start."""

    def __init__(self, site: Site, database: str, now: datetime) -> None:
        self._super = site.cluster.connect(database)
        self._super.execute("SET timezone = 'UTC'")
        if not self._one("SELECT to_regclass('bursar.test_clock')"):
            self._super.execute(CLOCK)
        self._super.execute("; ".join(f"DELETE FROM bursar.{table}" for table in EMPTY))
        self._member = site.open("ann", database, listens=False)
        self._lead = site.open("lee", database, listens=False)
        self._numbers = itertools.count()
        self._holds: dict[str, tuple[int, int]] = {}
        self._lives: Counter[int] = Counter()
        self.now = now

    def new_id(self) -> str:
        return f"{next(self._numbers):032x}"

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._now = now
        self._super.execute("UPDATE bursar.test_clock SET at = %s", (now,))

    def start_meter(self, meter: int) -> None:
        self._lives[meter] += 1

    def _instance(self, meter: int) -> str:
        return f"meter-{meter}-{self._lives[meter]}"

    def reserve(self, draft: Draft, meter: int, excused: frozenset[CapWindow]) -> Verdict:
        for cap_id, window_key in excused:
            self._answer(draft, cap_id, window_key)
        asked = Asked(draft, self._instance(meter), excused)
        [verdict] = self._member.reserve([asked])
        if verdict.is_admitted:
            self._holds[draft.call_id] = draft.hold, draft.worst_nano_usd or 0
            assert self._member.reserve([asked]) == [verdict], "an answer that got lost is asked for again"
        return verdict

    def _answer(self, draft: Draft, cap_id: str, window_key: str) -> None:
        """What a lead's answer leaves behind, for caps of every kind."""
        self._super.execute(
            """INSERT INTO bursar.approvals VALUES (%s, %s, 'ann', '', '', '', %s, '', %s, %s, 0, 0, now(), now(),
                'approved', now(), 'lee', '', NULL, '', '', '', '', '', '', '')""",
            (self.new_id(), draft.call_id, cap_id, window_key, draft.worst_nano_usd),
        )

    def extend(self, draft: Draft, more: int) -> bool:
        extended = self._member.extend(draft.call_id, more)
        if extended:
            held, worst = self._holds[draft.call_id]
            self._holds[draft.call_id] = held + more, worst
        return extended

    def end(self, draft: Draft, cost: int | None, *, is_certain: bool) -> bool:
        """As a laptop tells it, which has settled it in its own ledger before."""
        held, worst = self._holds[draft.call_id]
        charged = max(held, worst) if cost is None else cost if is_certain else max(held, cost)
        state = ReservationState.POSTED if is_certain else ReservationState.UNCERTAIN
        return self._settle(draft, Ended(make_call(draft, cost), charged, state))

    def void(self, draft: Draft) -> bool:
        return self._settle(draft, Ended(make_call(draft, 0, outcome=Outcome.FAILED), 0, ReservationState.VOIDED))

    def _settle(self, draft: Draft, ended: Ended) -> bool:
        is_held = self._one("SELECT count(*) FROM bursar.reservations WHERE call_id = %s", draft.call_id)
        self._member.settle([ended, ended])
        return bool(is_held)

    def crash(self, meter: int) -> int:
        return self._lead.abandon(self._instance(meter), "ann")

    def add_cap(self, scope: Scope, scope_key: str, **values: Any) -> Cap:
        cap = Cap(self.new_id(), scope, scope_key, **values)
        self._lead.set_cap(cap)
        return cap

    def update_cap(self, cap: Cap) -> None:
        self._lead.set_cap(cap)

    def remove_cap(self, cap_id: str) -> None:
        self._lead.remove_cap(cap_id)

    def restore_cap(self, cap_id: str) -> None:
        self._lead.restore_cap(cap_id)

    def raise_by(self, cap_id: str, window_key: str, more: int, until: datetime | None) -> None:
        self._lead.raise_window(cap_id, window_key, more, until=until)

    def windows(self) -> list[Running]:
        rows = self._super.execute("SELECT cap_id, window_key, ends_at FROM bursar.totals ORDER BY 1, 2").fetchall()
        return [Running(*row) for row in rows]  # type: ignore[arg-type]

    def totals(self) -> dict[CapWindow, Total]:
        rows: list[Any] = self._super.execute(
            "SELECT cap_id, window_key, posted_nano_usd, held_nano_usd, unpriced_calls FROM bursar.totals"
        ).fetchall()
        return {(row[0], row[1]): Total(*row[2:]) for row in rows}

    def derived(self) -> dict[CapWindow, Total]:
        found = {window: Total(0, 0, 0) for window in self.totals()}
        caps = self._lead.caps()
        for row, at in self._rows("SELECT to_jsonb(k), charged_at FROM bursar.calls k"):
            for window in found.keys() & _windows(caps, row, at):
                known = found[window]
                posted, unpriced = row["charged_nano_usd"], row["cost_nano_usd"] is None
                found[window] = replace(known, posted=known.posted + posted, unpriced=known.unpriced + unpriced)
        held = "SELECT call || jsonb_build_object('held_nano_usd', held_nano_usd), reserved_at FROM bursar.reservations"
        for row, at in self._rows(held):
            for window in found.keys() & _windows(caps, row, at):
                found[window] = replace(found[window], held=found[window].held + row["held_nano_usd"])
        return found

    def statuses(self) -> list[Status]:
        known = {(one.cap_id, one.window_key): one for one in self._lead.totals()}
        found = []
        for cap in self._lead.caps():
            key = "" if _has_many(cap) else cap.span(self.now, NOBODY).key
            total = known.get((cap.cap_id, key))
            assert total is not None or _has_many(cap)
            found.append(Status(cap, key, total.spent_nano_usd if total else 0, total.limit_nano_usd if total else 0))
        return found

    def observed(self) -> list[tuple[str, str]]:
        rows: list[Any] = self._super.execute("SELECT call_id, cap_id FROM bursar.observations").fetchall()
        return [(row[0], row[1]) for row in rows]

    def charged(self) -> list[tuple[str, int]]:
        rows: list[Any] = self._super.execute("SELECT call_id, charged_nano_usd FROM bursar.calls").fetchall()
        return [(row[0], row[1]) for row in rows]

    def verify(self) -> None:
        """Nothing is left behind that belongs to no call on its way."""
        assert not self._one(
            """SELECT count(*) FROM bursar.holds h LEFT JOIN bursar.totals t USING (cap_id, window_key)
                WHERE t.cap_id IS NULL"""
        )

    def close(self) -> None:
        self._member.close()
        self._lead.close()
        self._super.close()

    def _one(self, statement: Any, *values: object) -> Any:
        row: Any = self._super.execute(statement, values or None).fetchone()
        return row[0]

    def _rows(self, statement: Any) -> list[Any]:
        return self._super.execute(statement).fetchall()


def _has_many(cap: Cap) -> bool:
    return cap.window is Window.SESSION or cap.scope_key == "*"


def _windows(caps: list[Cap], row: Any, instant: datetime) -> set[CapWindow]:
    payer = Payer(tags_of(row), row["provider"], row["request_model"], Billing(row["billing"]))
    return {(cap.cap_id, cap.span(instant, payer).key) for cap in caps if cap.applies_to(payer)}
