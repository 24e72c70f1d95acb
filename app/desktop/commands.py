"""What a person can order from the windows: each is written to the ledger off the UI thread."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.core.advice import AdviceAnswer
from app.core.caps import Answer, Cap
from app.core.errors import AppError
from app.core.key_limits import NO_LIMITS, KeyCap, KeyLimits
from app.core.session import SessionOrder
from app.core.tags import Scope, Tags
from app.desktop.export_commands import ExportCommands
from app.desktop.key_commands import KeyCommands
from app.desktop.machine_commands import MachineCommands
from app.desktop.models.raise_words import Raisable
from app.desktop.price_commands import PriceCommands
from app.desktop.questions import Questions
from app.desktop.reading import read_labels
from app.desktop.tasks import Tasks
from app.desktop.team_commands import TeamCommands
from app.insight.savings import Suggestion
from app.keys.issue import issue_key, rotate_key
from app.keys.vault import Vault
from app.ledger import (
    advice_store,
    approval_store,
    cap_store,
    key_store,
    loop_store,
    meter_state,
    raise_store,
    session_store,
)
from app.ledger.approval_store import Approval
from app.ledger.engine import Ledger
from app.ledger.key_store import VirtualKey
from app.ledger.spend import spend_between
from app.ledger.spend_sums import Spend
from app.paths import log_place
from app.services.settings import Settings, change_settings

ANSWERED_BY = "tray"

type Done = Callable[[], None]
type Failed = Callable[[AppError], None]


def _nothing() -> None:
    """For orders whose outcome shows by itself in the next snapshot."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where Bursar keeps its files, for a person to look at."""

    ledger_folder: str
    settings_file: str
    log_folder: str


class Commands:
    """Orders. `done` and `failed` are called back on the UI thread; the feed shows the outcome by itself. Those about
    the providers' own keys are `keys`, those about this machine `machine`, those about prices `prices`, those about
    the team `team`, those about what is exported `exports`; `questions` are answered without any change."""

    def __init__(self, ledger: Ledger, vault: Vault, tasks: Tasks, settings_file: Path, time_zone: str) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._settings_file = settings_file
        self.time_zone = time_zone
        self.questions = Questions(ledger, tasks)
        self.places = Places(str(ledger.path.parent), str(settings_file), str(log_place()))
        self.keys = KeyCommands(ledger, vault, tasks.lane(), settings_file)
        self.prices = PriceCommands(ledger, tasks.lane())
        self.machine = MachineCommands(ledger, vault, tasks.lane(), settings_file)
        self.team = TeamCommands(ledger, vault, tasks.lane(), settings_file)
        self.exports = ExportCommands(ledger, vault, tasks.lane(), settings_file)

    def approve(self, approval: Approval, failed: Failed, done: Done = _nothing) -> None:
        """Let this one call go."""
        if approval.is_team:
            return self.team.answer((approval,), Answer.APPROVE, failed, done)
        self._do(
            lambda: approval_store.approve(self._ledger, approval.approval_id, by=ANSWERED_BY), failed, done
        )  # fmt: skip

    def approve_session(self, approval: Approval, failed: Failed, done: Done = _nothing) -> None:
        """Let this call, and the others of its session, pass the cap that holds them back until its window ends."""
        if approval.is_team:
            return self.team.answer((approval,), Answer.APPROVE, failed, done, for_session=True)
        self._do(
            lambda: approval_store.approve_session(self._ledger, approval.approval_id, by=ANSWERED_BY), failed, done
        )

    def approve_all(self, approvals: tuple[Approval, ...], failed: Failed, done: Done = _nothing) -> None:
        """Let those of these calls go that still wait, and no later one."""
        if approvals[0].is_team:
            return self.team.answer(approvals, Answer.APPROVE, failed, done)
        asked = [approval.approval_id for approval in approvals]

        def work() -> None:
            approval_store.approve_all(self._ledger, asked, by=ANSWERED_BY)

        self._do(work, failed, done)

    def refuse(self, approvals: tuple[Approval, ...], failed: Failed, done: Done = _nothing) -> None:
        """Refuse these calls; of several, those that still wait."""
        if approvals[0].is_team:
            return self.team.answer(approvals, Answer.REFUSE, failed, done)
        asked = [approval.approval_id for approval in approvals]

        def work() -> None:
            if len(asked) == 1:
                approval_store.refuse(self._ledger, asked[0], by=ANSWERED_BY)
            else:
                approval_store.refuse_all(self._ledger, asked, by=ANSWERED_BY)

        self._do(work, failed, done)

    def raise_window(
        self, raised: Raisable, limit: int, until: datetime | None, failed: Failed, done: Done = _nothing
    ) -> None:
        """Raise the running window of a cap, until an instant or until it ends. `limit` in nano-dollars."""
        if raised.is_team:
            return self.team.raise_window(raised, limit, until, failed, done)
        cap, window, by = raised.cap_id, raised.window_key, ANSWERED_BY

        def work() -> None:
            if until is None:
                raise_store.raise_window(self._ledger, cap, window, limit, by=by)
            else:
                more = limit - raised.limit_nano_usd
                raise_store.raise_by(self._ledger, cap, window, more, until=until, by=by)

        self._do(work, failed, done)

    def save_cap(self, cap: Cap, failed: Failed, done: Done = _nothing, *, is_team: bool = False) -> None:
        """Add a cap (an empty `cap_id`), or give one new values."""
        if is_team:
            self.team.save_cap(cap, failed, done)
        elif cap.cap_id:
            self._do(lambda: cap_store.update_cap(self._ledger, cap), failed, done)
        else:
            self._do(lambda: self._add_cap(cap), failed, done)

    def remove_cap(self, cap_id: str, failed: Failed, done: Done = _nothing, *, is_team: bool = False) -> None:
        """Take a cap away."""
        if is_team:
            return self.team.remove_cap(cap_id, failed, done)
        self._do(lambda: cap_store.remove_cap(self._ledger, cap_id), failed, done)

    def restore_cap(self, cap_id: str, failed: Failed, done: Done = _nothing, *, is_team: bool = False) -> None:
        """Undo the removal of a cap."""
        if is_team:
            return self.team.restore_cap(cap_id, failed, done)
        self._do(lambda: cap_store.restore_cap(self._ledger, cap_id), failed, done)

    def set_paused(self, is_paused: bool, failed: Failed) -> None:
        """Pause everything, or resume."""
        order = meter_state.pause_everything if is_paused else meter_state.resume
        self._do(lambda: order(self._ledger, ANSWERED_BY), failed, _nothing)

    def order_session(self, session: str, order: SessionOrder, failed: Failed, done: Done = _nothing) -> None:
        """Stop one session, let it wait, or let it go on."""

        def work() -> None:
            if order is SessionOrder.GO_ON:
                session_store.resume_session(self._ledger, session)
            else:
                carry = session_store.pause_session if order is SessionOrder.PAUSE else session_store.stop_session
                carry(self._ledger, session, by=ANSWERED_BY)

        self._do(work, failed, done)

    def answer_suggestion(
        self, suggestion: Suggestion, answer: AdviceAnswer | None, failed: Failed, done: Done = _nothing
    ) -> None:
        """Write down what a person says to a suggestion; None takes it back."""
        kind, project, weekly = suggestion.kind, suggestion.project, suggestion.saved_nano_usd

        def work() -> None:
            if answer is None:
                advice_store.take_back_advice(self._ledger, kind, project)
            else:
                advice_store.answer_advice(self._ledger, kind, project, answer, weekly_nano_usd=weekly, by=ANSWERED_BY)

        self._do(work, failed, done)

    def let_go_on(self, loop_id: str, failed: Failed) -> None:
        """Let an agent in a loop go on, until it has gone round twice as often."""
        self._do(lambda: loop_store.let_go_on(self._ledger, loop_id, by=ANSWERED_BY), failed, _nothing)

    def stop_meter(self, done: Done, failed: Failed) -> None:
        """Ask the running meter to finish its calls and end."""

        def work() -> None:
            meter = meter_state.running_meter(self._ledger)
            if meter is not None:
                meter_state.request_stop(self._ledger, meter.instance_id)

        self._do(work, failed, done)

    def issue_key(
        self, name: str, tags: Tags, done: Callable[[VirtualKey, str], None], failed: Failed,
        *, limits: KeyLimits = NO_LIMITS, cap: KeyCap | None = None, expires_at: datetime | None = None,
    ) -> None:  # fmt: skip
        """A new virtual key; `done` gets it with its token, which is told once."""

        def work() -> tuple[VirtualKey, str]:
            return issue_key(self._ledger, name=name, tags=tags, expires_at=expires_at, limits=limits, cap=cap)

        self._tasks.run(work, lambda made: done(*made), failed)

    def rotate_key(
        self, key_id: str, grace: timedelta, done: Callable[[VirtualKey, str], None], failed: Failed
    ) -> None:
        """Another token for a virtual key; `done` gets it, which is told once."""
        self._tasks.run(lambda: rotate_key(self._ledger, key_id, grace), lambda made: done(*made), failed)

    def revoke_key(self, key_id: str, failed: Failed, done: Done = _nothing) -> None:
        """End a virtual key."""
        self._do(lambda: key_store.revoke_key(self._ledger, key_id), failed, done)

    def change_settings(self, done: Callable[[Settings], None], failed: Failed, **changes: object) -> None:
        """Change settings in their file."""
        self._tasks.run(lambda: change_settings(self._settings_file, **changes), done, failed)

    def read_labels(self, scope: Scope, done: Callable[[list[str]], None], failed: Failed) -> None:
        """Names that a cap of this scope can be set for."""
        self._tasks.run(lambda: read_labels(self._ledger, scope, datetime.now(UTC)), done, failed)

    def run(self, work: Callable[[], None], failed: Failed, done: Done = _nothing) -> None:
        """Do what is no order to the meter, such as writing a file."""
        self._do(work, failed, done)

    def read_spend(self, start: datetime, end: datetime, done: Callable[[Spend], None]) -> None:
        """Sums over the calls of a time."""
        self._tasks.run(lambda: spend_between(self._ledger, start, end), done)

    def _add_cap(self, cap: Cap) -> None:
        cap_store.add_cap(
            self._ledger,
            scope=cap.scope,
            scope_key=cap.scope_key,
            window=cap.window,
            limit_nano_usd=cap.limit_nano_usd,
            action=cap.action,
            alert_percents=cap.alert_percents,
            time_zone=cap.time_zone,
            week_start=cap.week_start,
        )

    def _do(self, work: Callable[[], None], failed: Failed, done: Done) -> None:
        self._tasks.run(work, lambda _none: done(), failed)
