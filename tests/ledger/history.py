"""Random histories on the real SQL, beside a small model of what a ledger is: lists of calls, and arithmetic."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from app.core.caps import Action, Cap, Mode
from app.core.errors import InvalidInput
from app.core.reservations import CapWindow, Draft, Refusal
from app.core.tags import Billing, Scope, Tags
from app.core.windows import Window
from tests.ledger.bookkeeping import NOTHING_EXCUSED, Total, make_draft
from tests.ledger.books import Books, LaptopBooks

PAYERS = (
    Tags(project="p", agent="a", session="1", virtual_key_id="k"),
    Tags(project="p", agent="b", session="2"),
    Tags(project="q", agent="a"),
)
SCOPES = ((Scope.EVERYTHING, ""), (Scope.PROJECT, "p"), (Scope.AGENT, "*"), (Scope.VIRTUAL_KEY, "k"))
METERS = (0, 1)


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over, and what its caps carry for it."""

    draft: Draft
    charged: int
    is_unpriced: bool


class LedgerHistory(RuleBasedStateMachine):
    """Every step is done twice, on the ledger and on the model, and the two must agree."""

    drafts = Bundle("drafts")
    caps_made = Bundle("caps_made")

    def __init__(self, make_books: Callable[[datetime], Books] = LaptopBooks) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 28, 22, tzinfo=UTC)
        self.books = make_books(self.now)
        self.held: dict[str, tuple[Draft, int]] = {}
        self.would_stop: list[tuple[str, str]] = []
        self.ended: dict[str, Ended] = {}
        self.caps: dict[str, Cap] = {}
        self.removed: dict[str, Cap] = {}
        self.raised: dict[CapWindow, list[tuple[int, datetime | None]]] = {}

    @initialize()
    def start_meters(self) -> None:
        for meter in METERS:
            self.books.start_meter(meter)

    def teardown(self) -> None:
        try:
            self.check_the_end()
        finally:
            self.books.close()

    # What the model knows

    def _windows(self, draft: Draft) -> dict[CapWindow, Cap]:
        matching = (cap for cap in self.caps.values() if cap.applies_to(draft.payer))
        return {(cap.cap_id, cap.span(draft.at, draft.payer).key): cap for cap in matching}

    def _total(self, window: CapWindow) -> Total:
        ended = [one for one in self.ended.values() if window in self._windows(one.draft)]
        held = [draft.hold for draft, _ in self.held.values() if window in self._windows(draft)]
        return Total(sum(one.charged for one in ended), sum(held), sum(one.is_unpriced for one in ended))

    def _limit(self, window: CapWindow) -> int:
        return self.caps[window[0]].limit_nano_usd + sum(amount for amount, _ in self.raised.get(window, []))

    def _end_raises(self) -> None:
        """As the ledger does whenever it is asked for money or for a raise; in between, a raise stands."""
        for window, raises in self.raised.items():
            self.raised[window] = [one for one in raises if one[1] is None or one[1] > self.now]

    def _refusal(self, window: CapWindow, hold: int | None) -> Refusal | None:
        total, limit = self._total(window), self._limit(window)
        if hold is None:
            return Refusal.UNPRICED
        if total.posted + hold > limit:
            return Refusal.EXHAUSTED
        return Refusal.CONTENDED if total.posted + total.held + hold > limit else None

    # Calls

    @rule(
        target=drafts,
        tags=st.sampled_from(PAYERS),
        worst=st.one_of(st.integers(0, 60), st.none()),
        meter=st.sampled_from(METERS),
        excuse_all=st.booleans(),
        percent=st.sampled_from([30, 100]),
        billing=st.sampled_from(list(Billing)),
    )
    def reserve_money(
        self, tags: Tags, worst: int | None, meter: int, excuse_all: bool, percent: int, billing: Billing
    ) -> Any:
        draft = make_draft(worst, at=self.now, call_id=self.books.new_id(), tags=tags, billing=billing)
        hold = None if worst is None else worst * percent // 100
        draft = replace(draft, held_nano_usd=hold)
        self._end_raises()
        windows = self._windows(draft)
        excused = frozenset(windows) if excuse_all else NOTHING_EXCUSED
        hard = {} if excuse_all else {window: cap for window, cap in windows.items() if cap.is_hard}
        expected = {window: refusal for window in hard if (refusal := self._refusal(window, hold)) is not None}
        dry = [window for window, cap in windows.items() if cap.is_dry_run]
        stopped = [one for one in dry if self._refusal(one, worst) in (Refusal.EXHAUSTED, Refusal.UNPRICED)]

        verdict = self.books.reserve(draft, meter, excused)

        assert {(one.cap_id, one.window_key): one.refusal for one in verdict.obstacles} == expected
        assert verdict.is_admitted == (not expected)
        for window in hard if verdict.is_admitted else ():
            total = self._total(window)
            assert total.posted + total.held + draft.hold <= self._limit(window)
        if not verdict.is_admitted:
            return multiple()
        self.would_stop += [(draft.call_id, cap_id) for cap_id, _ in stopped]
        self.held[draft.call_id] = draft, meter
        return draft

    @rule(draft=drafts, more=st.integers(1, 250))
    def extend_hold(self, draft: Draft, more: int) -> None:
        """Of a call on its way in all its windows or in none; of one that has ended never. A window that was over when
        its cap was set was never opened, and holds nobody back."""
        held, meter = self.held.get(draft.call_id, (None, 0))
        opened = self.books.totals()
        hard = [window for window, cap in self._windows(draft).items() if cap.is_hard and window in opened]
        fits = all(self._total(one).posted + self._total(one).held + more <= self._limit(one) for one in hard)
        extended = self.books.extend(draft, more)
        assert extended is (held is not None and fits)
        if held is not None and extended:
            self.held[draft.call_id] = replace(held, held_nano_usd=held.hold + more), meter

    @rule(draft=drafts, cost=st.one_of(st.integers(0, 90), st.none()), is_certain=st.booleans())
    def settle_call(self, draft: Draft, cost: int | None, is_certain: bool) -> None:
        """Of a call on its way or of one that has ended before: then nothing may happen."""
        held, _ = self.held.pop(draft.call_id, (None, 0))
        assert self.books.end(draft, cost, is_certain=is_certain) is (held is not None)
        if held is not None:
            unknown = max(held.hold, draft.worst_nano_usd or 0)
            charged = unknown if cost is None else cost if is_certain else max(held.hold, cost)
            self.ended[draft.call_id] = Ended(draft, charged, cost is None)

    @rule(draft=drafts)
    def void_it(self, draft: Draft) -> None:
        was_held = self.held.pop(draft.call_id, None) is not None
        assert self.books.void(draft) is was_held
        if was_held:
            self.ended[draft.call_id] = Ended(draft, 0, False)

    @rule(meter=st.sampled_from(METERS))
    def crash_and_recover(self, meter: int) -> None:
        lost = [draft for draft, its_meter in self.held.values() if its_meter == meter]
        assert self.books.crash(meter) == len(lost)
        for draft in lost:
            del self.held[draft.call_id]
            self.ended[draft.call_id] = Ended(draft, max(draft.hold, draft.worst_nano_usd or 0), True)
        self.books.start_meter(meter)

    @rule(hours=st.sampled_from([-3, 1, 2, 5, 24, 24 * 31]))
    def let_time_pass(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.books.now = self.now

    # Caps

    @rule(
        target=caps_made,
        who=st.sampled_from(SCOPES),
        window=st.sampled_from(list(Window)),
        limit=st.integers(1, 200),
        action=st.sampled_from(list(Action)),
        mode=st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.OBSERVE]),
        time_zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
    )
    def add_cap(self, who: tuple[Scope, str], window: Window, limit: int, **asked: Any) -> Any:
        asked["window"] = window
        if any((cap.scope, cap.scope_key, cap.window) == (*who, window) for cap in self.caps.values()):
            return multiple()
        cap = self.books.add_cap(*who, limit_nano_usd=limit, **asked)
        self.caps[cap.cap_id] = cap
        return cap.cap_id

    @rule(
        cap_id=caps_made,
        limit=st.integers(1, 200),
        action=st.sampled_from(list(Action)),
        zone=st.booleans(),
        counts_all=st.booleans(),
    )
    def edit_cap(self, cap_id: str, limit: int, action: Action, zone: bool, counts_all: bool) -> None:
        known = self.caps.get(cap_id) or self.removed[cap_id]
        cap = replace(known, limit_nano_usd=limit, action=action, counts_subscriptions=counts_all)
        cap = replace(cap, time_zone="Asia/Tokyo" if zone else known.time_zone)
        if self._does(cap_id in self.caps, self.books.update_cap, cap):
            self.caps[cap_id] = cap
            self._forget_raises(cap_id)

    @rule(cap_id=caps_made)
    def remove_cap(self, cap_id: str) -> None:
        self.books.remove_cap(cap_id)
        if cap_id in self.caps:
            self.removed[cap_id] = self.caps.pop(cap_id)
        self._forget_raises(cap_id)

    @rule(cap_id=consumes(caps_made), target=caps_made)
    def restore_cap(self, cap_id: str) -> Any:
        cap = self.caps.get(cap_id) or self.removed[cap_id]
        same = (cap.scope, cap.scope_key, cap.window)
        others = [one for one in self.caps.values() if one.cap_id != cap_id]
        is_free = all((one.scope, one.scope_key, one.window) != same for one in others)
        if self._does(is_free, self.books.restore_cap, cap_id):
            self.caps[cap_id] = cap
            self.removed.pop(cap_id, None)
            self._forget_raises(cap_id)
        return cap_id

    @rule(pick=st.integers(0, 30), more=st.integers(-10, 100), hours=st.sampled_from([None, 2, 30]))
    def raise_a_window(self, pick: int, more: int, hours: int | None) -> None:
        if rows := self.books.windows():
            row = rows[pick % len(rows)]
            window, until = (row.cap_id, row.window_key), None if hours is None else self.now + timedelta(hours=hours)
            is_running = row.ends_at is None or row.ends_at > self.now
            expected = more > 0 and is_running
            if self._does(expected, self.books.raise_by, *window, more, until):
                self._end_raises()
                self.raised.setdefault(window, []).append((more, until))

    @staticmethod
    def _does(expected: bool, action: Any, *arguments: Any, **values: Any) -> bool:
        try:
            action(*arguments, **values)
        except InvalidInput:
            assert not expected
            return False
        assert expected
        return True

    def _forget_raises(self, cap_id: str) -> None:
        self.raised = {window: raises for window, raises in self.raised.items() if window[0] != cap_id}

    # What is always true

    @invariant()
    def totals_are_what_the_model_says(self) -> None:
        found = self.books.totals()
        assert found == {window: self._total(window) for window in found}

    @invariant()
    def every_cap_tells_where_it_stands(self) -> None:
        statuses = self.books.statuses()
        assert {status.cap.cap_id for status in statuses} == set(self.caps)
        for status in statuses:
            window = status.cap.cap_id, status.window_key
            if status.cap.window is not Window.SESSION and status.cap.scope_key != "*":
                assert status.spent == self._total(window).posted
                assert status.limit == self._limit(window)

    def check_the_end(self) -> None:
        """What need not be looked at after each step, since nothing could mend it."""
        assert self.books.totals() == self.books.derived()
        self.books.verify()
        assert sorted(self.books.observed()) == sorted(self.would_stop)
        assert sorted(self.books.charged()) == sorted((call_id, one.charged) for call_id, one in self.ended.items())
