"""What a person can order about the team: join it, leave it, and as its lead set caps and answer calls that wait.

The team's ledger may be far away or gone, so this work has a thread of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from app.core.caps import Answer, Cap
from app.core.errors import AppError
from app.core.tags import clean_name
from app.core.team import Role
from app.desktop.models.raise_words import Raisable
from app.desktop.tasks import Tasks
from app.keys.vault import Vault
from app.ledger.approval_store import Approval
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.team_outbox import count_untold
from app.services.cap_books import TeamCaps
from app.services.settings import Settings, load_settings
from app.services.team import join_team, leave, opened_team, renew_meters, set_lease

type Done = Callable[[], None]
type Failed = Callable[[AppError], None]


@dataclass(frozen=True, slots=True)
class TeamSight:
    """How a laptop stands in its team. `trouble` is why the team cannot be reached, empty while it can; `untold` how
    many calls it was not told of."""

    member: str = ""
    role: Role | None = None
    untold: int = 0
    trouble: str = ""


class TeamCommands:
    """Orders. `done` and `failed` are called back on the UI thread."""

    def __init__(self, ledger: Ledger, vault: Vault, lane: Tasks, settings_file: Path) -> None:
        self._ledger = ledger
        self._vault = vault
        self._lane = lane
        self._settings_file = settings_file

    def look(self, done: Callable[[TeamSight], None], failed: Failed) -> None:
        """See how this laptop stands in its team."""

        def work() -> TeamSight:
            untold = count_untold(self._ledger)
            try:
                with opened_team(load_settings(self._settings_file), self._vault) as team:
                    return TeamSight(team.member, team.role, untold)
            except AppError as error:
                return TeamSight(untold=untold, trouble=f"{error.title}. {error.message}")

        self._lane.run(work, done, failed)

    def join(self, url: str, password: str, done: Callable[[Settings], None], failed: Failed) -> None:
        """Take the place that an invitation names."""

        def work() -> Settings:
            join_team(self._settings_file, self._vault, url, password)
            renew_meters(self._settings_file, self._ledger.path)
            return load_settings(self._settings_file)

        self._lane.run(work, done, failed)

    def leave(self, done: Callable[[Settings], None], failed: Failed) -> None:
        """Give the place up."""

        def work() -> Settings:
            leave(self._settings_file, self._vault, self._ledger)
            return load_settings(self._settings_file)

        self._lane.run(work, done, failed)

    def choose_lease(self, lease: str, done: Callable[[Settings], None], failed: Failed) -> None:
        """Choose what is had in advance of each of the team's caps, in dollars; empty for nothing."""

        def work() -> Settings:
            set_lease(self._settings_file, lease)
            renew_meters(self._settings_file, self._ledger.path)
            return load_settings(self._settings_file)

        self._lane.run(work, done, failed)

    def answer(
        self, approvals: tuple[Approval, ...], answer: Answer, failed: Failed, done: Done, *, for_session: bool = False
    ) -> None:
        """Answer these calls of the team; of several, those that still wait."""

        def work() -> None:
            with opened_team(load_settings(self._settings_file), self._vault) as team:
                waiting = {one.approval_id for one in team.waiting()} if len(approvals) > 1 else set()
                for one in approvals:
                    if len(approvals) == 1 or one.approval_id in waiting:
                        team.answer(one.approval_id, answer, for_session=for_session)

        self._lane.run(work, lambda _none: done(), failed)

    def save_cap(self, cap: Cap, failed: Failed, done: Done) -> None:
        """Add a cap (an empty `cap_id`) to the team's, or give one of them new values."""

        def work(caps: TeamCaps) -> None:
            if cap.cap_id:
                caps.update(cap)
            else:
                caps.add(replace(cap, cap_id=new_id(), scope_key=clean_name(cap.scope_key)))

        self._change_caps(work, failed, done)

    def remove_cap(self, cap_id: str, failed: Failed, done: Done) -> None:
        """Take a cap of the team away."""
        self._change_caps(lambda caps: caps.remove(cap_id), failed, done)

    def restore_cap(self, cap_id: str, failed: Failed, done: Done) -> None:
        """Undo the removal of a cap of the team."""
        self._change_caps(lambda caps: caps.restore(cap_id), failed, done)

    def raise_window(self, cap: Raisable, limit: int, until: datetime | None, failed: Failed, done: Done) -> None:
        """Raise the running window of a cap of the team. `limit` in nano-dollars."""
        more = limit - cap.limit_nano_usd
        self._change_caps(lambda caps: caps.raise_by(cap.cap_id, cap.window_key, more, until=until), failed, done)

    def _change_caps(self, work: Callable[[TeamCaps], None], failed: Failed, done: Done) -> None:
        def change() -> None:
            with opened_team(load_settings(self._settings_file), self._vault) as team:
                work(TeamCaps(team))

        self._lane.run(change, lambda _none: done(), failed)
