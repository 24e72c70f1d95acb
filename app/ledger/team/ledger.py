"""A team's ledger as a laptop sees it: what the meter asks of it, and what people read and change there.

Every method is one round trip and one transaction (two where questions or leases are read). It raises TeamUnreachable
when nobody answers: what was asked may then have been done all the same, and is asked again as it was, since everything
counts once; and TeamRefused where the role of whoever logged in does not go so far.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from app.core.caps import Answer, Cap
from app.core.errors import TeamRefused
from app.core.money import MAX_CALL_NANO_USD
from app.core.reservations import Draft, Obstacle, Verdict
from app.core.team import (
    Asked,
    Ended,
    HeldCalls,
    Lease,
    Member,
    Role,
    TeamPlace,
    TeamSpend,
    WindowTotal,
    parse_team_url,
)
from app.ledger.alert_store import Alert
from app.ledger.approval_store import Approval, ApprovalState
from app.ledger.cap_store import cap_columns, cap_of, check_meaning
from app.ledger.identifiers import new_id
from app.ledger.rows import draft_columns
from app.ledger.tables import micros
from app.ledger.team import rows
from app.ledger.team.connecting import Door, connect_arguments, make_engine
from app.ledger.team.migrations import VERSION, refuse_newer

_ANSWERED = {Answer.APPROVE: ApprovalState.APPROVED, Answer.REFUSE: ApprovalState.REFUSED}
MOST_ANSWERED = 50


class TeamLedger:
    """An open team ledger. `team` is its name, `member` and `role` are those of whoever logged in."""

    def __init__(self, door: Door, place: TeamPlace, who: dict[str, Any]) -> None:
        self.place = place
        self.team: str = who["team"]
        self.member: str = who["name"]
        self.role = Role(who["role"])
        self._door = door

    def close(self) -> None:
        """Leave it."""
        self._door.close()

    # Calls

    def reserve(self, asked: Sequence[Asked]) -> list[Verdict]:
        """Hold what each call can cost in all the team's caps that match it, or say what stands in its way, one call
        after another. A call that is held already is not held twice."""
        answers = self._door.call("reserve", rows.told([rows.asked_row(one) for one in asked])) if asked else []
        return [rows.read_verdict(answer) for answer in answers]

    def settle(self, ended: Sequence[Ended]) -> None:
        """Charge calls that are over, in order and each once, also where the server knows nothing of their hold."""
        if ended:
            self._door.call("settle", rows.told([rows.ended_row(one) for one in ended]))

    def release(self, call_ids: Sequence[str]) -> None:
        """Give back what is held for calls that were not sent, as if they had never asked."""
        if call_ids:
            self._door.call("release", list(call_ids))

    def extend(self, call_id: str, more_nano_usd: int) -> bool:
        """Hold so much more for a call on its way, in all its windows or in none. False when denied, or over."""
        return bool(self._door.call("extend", call_id, more_nano_usd))

    def held(self) -> list[HeldCalls]:
        """What calls on their way hold, by meter, longest first: the own ones, and for a lead all."""
        return [rows.read_held(row) for row in self._door.call("held")]

    def abandon(self, instance_id: str, member: str = "") -> int:
        """End what a meter that is gone holds, at the worst case. Of one's own, or as a lead of anybody. Returns how
        many calls."""
        return int(self._door.call("abandon", member or self.member, instance_id))

    # Caps

    def caps(self) -> list[Cap]:
        """The team's caps in force, oldest first."""
        return [cap_of(row) for row in self._door.call("caps")]

    def totals(self) -> list[WindowTotal]:
        """The running windows of the caps; of a cap on each person, a member sees the own ones."""
        return [rows.read_total(row) for row in self._door.call("totals")]

    def set_cap(self, cap: Cap) -> None:
        """Set or change a cap, by its id. Its running windows are counted anew, a raise of one is taken back. Raises
        InvalidInput."""
        check_meaning(cap)
        self._door.call_patiently("set_cap", rows.told([cap_columns(cap)])[1:-1])

    def remove_cap(self, cap_id: str) -> None:
        """Take a cap out of force. `restore_cap` undoes it."""
        self._door.call("remove_cap", cap_id)

    def restore_cap(self, cap_id: str) -> None:
        """Put a removed cap back. Raises InvalidInput."""
        self._door.call_patiently("restore_cap", cap_id)

    def raise_window(self, cap_id: str, window_key: str, more_nano_usd: int, *, until: datetime | None = None) -> None:
        """Let one running window spend so much more, until an instant or until it ends. Raises InvalidInput."""
        until_micros = None if until is None else micros(until)
        self._door.call("raise_window", cap_id, window_key, more_nano_usd, until_micros)

    def alerts_after(self, alert_id: int) -> list[Alert]:
        """Alerts newer than that id, oldest first."""
        return [rows.read_alert(row) for row in self._door.call("alerts_after", alert_id)]

    # Questions

    def ask(self, draft: Draft, obstacle: Obstacle, instance_id: str, wait_s: float) -> str:
        """Ask the leads whether a call may pass a cap. Returns the question's id. Raises InvalidInput when nobody is
        asked about that cap any more."""
        question = rows.told([rows.question_row(draft, obstacle, instance_id)])[1:-1]
        return str(self._door.call("ask", question, wait_s))

    def states(self, approval_ids: Sequence[str]) -> dict[str, ApprovalState]:
        """Where the questions stand now; what nobody answered in time ends here."""
        if not approval_ids:
            return {}
        return {one: ApprovalState(state) for one, state in self._door.call("states", list(approval_ids)).items()}

    def postpone(self, approval_id: str, call_id: str, wait_s: float) -> None:
        """Let a question stand so much longer from now, and for another call: its request was sent again. An answer
        that was used is good for no other."""
        self._door.call("postpone", approval_id, call_id, wait_s)

    def close_questions(self, approval_ids: Sequence[str], state: ApprovalState) -> None:
        """End own questions that nobody answered, as moot, gone or expired."""
        if approval_ids:
            self._door.call("close_questions", list(approval_ids), state.value)

    def waiting(self) -> list[Approval]:
        """Questions without an answer, oldest first: the own ones, and for a lead all. The user of their tags is the
        member who asks."""
        return self._questions(is_waiting=True, most=None)

    def answered(self, most: int = MOST_ANSWERED) -> list[Approval]:
        """Past questions, newest answer first."""
        return self._questions(is_waiting=False, most=most)

    def _questions(self, *, is_waiting: bool, most: int | None) -> list[Approval]:
        found = self._door.call("questions", is_waiting, most)
        return rows.read_questions(found, self.caps()) if found else []

    def answer(self, approval_id: str, answer: Answer, *, for_session: bool = False) -> None:
        """Let a call go or refuse it; `for_session` lets those of its session go that wait or come within this window.
        Raises InvalidInput when it no longer waits."""
        self._door.call("answer", approval_id, _ANSWERED[answer].value, for_session)

    # Leases

    def leases(self, wanted: Sequence[Draft], size_nano_usd: int, instance_id: str) -> list[Lease]:
        """Hold up to so much in advance in each hard window that calls like these would count in, as far as there is
        room. Returns all leases of this meter that run."""
        payers = rows.told([draft_columns(draft) for draft in wanted])
        self._door.call("take_leases", payers, instance_id, min(size_nano_usd, MAX_CALL_NANO_USD))
        return [one for one in self.all_leases() if (one.member, one.instance_id) == (self.member, instance_id)]

    def all_leases(self) -> list[Lease]:
        """The leases that run: the own ones, and for a lead all."""
        return [rows.read_lease(row) for row in self._door.call("leases")]

    def give_back(self, lease_ids: Sequence[str]) -> None:
        """End own leases; what is left of them is free for others."""
        if lease_ids:
            self._door.call("give_back", list(lease_ids))

    def end_lease(self, lease_id: str) -> None:
        """End the lease of a laptop that does not come back: what is left of it is charged in full, since it may have
        been spent. Raises InvalidInput when it ended already."""
        self._door.call("end_lease", lease_id)

    # What people read

    def members(self) -> list[Member]:
        """Everybody who belongs or did, in the order of joining."""
        return [rows.read_member(row) for row in self._door.call("members")]

    def spend(self, start: datetime, end: datetime, zone: str) -> list[TeamSpend]:
        """Spend by day, member, project and agent in [start, end): the own, and everybody's for a lead or viewer."""
        found = self._door.call("spend", micros(start), micros(end), zone)
        return [TeamSpend(**row) for row in found]

    def team_spend(self, start: datetime, end: datetime, zone: str) -> list[TeamSpend]:
        """What the whole team spent by day in [start, end), without names."""
        found = self._door.call("team_spend", micros(start), micros(end), zone)
        return [TeamSpend(**row) for row in found]

    # Moving and news

    def move_in(self, calls: Sequence[dict[str, Any]]) -> int:
        """Add rows of a laptop's calls that are not there yet; they count in no cap. Returns how many were added."""
        return int(self._door.call("move_in", rows.told(calls))) if calls else 0

    def move_out(self, after_row: int, most: int) -> list[dict[str, Any]]:
        """The rows of own calls after that one, in the order they came in."""
        found: list[dict[str, Any]] = self._door.call("move_out", after_row, most)
        return found

    def listen(self, timeout_s: float = 0) -> frozenset[str]:
        """What changed since the last look, waited for at most so long: `room` where calls wait for money, `caps`,
        `question`, `alert`. It comes over the one connection, and is lost when that breaks."""
        return self._door.news(timeout_s)

    def fileno(self) -> int:
        """The socket to wait on for news together with something else; ask again after an error."""
        return self._door.fileno()

    def change_password(self) -> str:
        """Take a new random password in the place of the one that was sent. Returns it."""
        password = new_id() + new_id()
        self._door.set_password(self.place.user, password)
        return password


def open_team(
    url: str, password: str | None, *, root_certificate: Path | None = None, listens: bool = True
) -> TeamLedger:
    """Enter a team's ledger. Raises InvalidInput for an address that is none, TeamUnreachable, and TeamRefused for a
    login without membership, a schema of another version, or a server that does not prove who it is."""
    place, spoken = parse_team_url(url)
    door = Door(make_engine(connect_arguments(place, password or spoken, root_certificate), listens=listens))
    try:
        who = door.call("who")
        if who is None:
            raise TeamRefused("You are not a member of this team", "Ask its lead for an invitation.")
        refuse_newer(who["version"])
        if who["version"] < VERSION:
            raise TeamRefused(
                "The team’s ledger is older than this Bursar", "Its administrator runs: bursar team upgrade."
            )
    except BaseException:
        door.close()
        raise
    return TeamLedger(door, place, who)
