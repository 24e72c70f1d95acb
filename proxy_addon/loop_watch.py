"""Looks at each call once it is written: does its agent go round in circles?

All of it happens where the ledger is written, within the transaction that writes the call, so that the next call of
that session meets what was found. What goes wrong here is logged and takes nothing with it.
"""

import asyncio
import functools
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from app.core.call import Call, Outcome
from app.core.errors import AppError
from app.core.loops import Finding, LoopLevel
from app.core.origin import IS_WORK
from app.core.reservations import Draft
from app.insight.loop_memory import CALLS_KEPT, LoopMemory, SeenCall, Who
from app.insight.loops import PACE_WINDOW, TURNS_READ_BACK, median
from app.insight.spend_memory import SpendMemory, Usual
from app.ledger.beside import beside_the_call
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from app.ledger.loop_rule_store import rules_of
from app.ledger.loop_steps import agent_histories, answered_turns, calls_since, spent_lately, turns_before
from app.ledger.loop_store import end_loops, note_loop
from proxy_addon.recorder import Recorder

USUAL_EVERY_S = 600.0

logger = logging.getLogger(__name__)


class LoopWatch:
    """Remembers the conversations of one meter, for the process that writes its ledger. `usual` is what is usual for
    each agent."""

    def __init__(self) -> None:
        self.usual: Mapping[str, Usual] = {}
        self._memory = LoopMemory()
        self._spending = SpendMemory()
        self._free: set[Who] = set()

    def look_at(self, desk: Desk, call: Call, draft: Draft, ended_at: datetime) -> None:
        """Find and write down the loops that a call is in, and end those that it is in no more."""
        if call.origin.request_class not in IS_WORK:
            return
        with beside_the_call(desk.connection, "whether a call goes round in circles"):
            self._look(desk, call, draft, ended_at)

    def _look(self, desk: Desk, call: Call, draft: Draft, ended_at: datetime) -> None:
        connection, tags, agent_id = desk.connection, call.tags, call.origin.agent_id
        turns = answered_turns(connection, call.call_id) if draft.carries_results else ()
        who = (tags.virtual_key_id, tags.session, agent_id)
        if turns and not self._memory.knows(turns[0].call_id):
            before = turns_before(connection, turns[0].call_id, TURNS_READ_BACK)
            self._memory.restore(turns[0].call_id, who, before)
        mark = draft.input_mark if call.outcome is Outcome.COMPLETED else ""
        seen = SeenCall(
            call.call_id, who, call.started_at, ended_at, call.cost_nano_usd, draft.carries_results, turns, mark
        )
        own, shared = (
            self._ruled(desk, call, found) for found in (self._memory.take(seen), self._of_session(desk, call))
        )
        goes_on = {(one.kind, one.mark) for one in (*own, *shared)}
        if who not in self._free and (turns or not draft.carries_results):  # what is sent again says nothing new
            self._remember_free(who, is_free=end_loops(connection, tags, agent_id, goes_on) == 0)
        for found, of_agent in ((own, agent_id), (shared, "")):
            for finding in found:
                self._remember_free((tags.virtual_key_id, tags.session, of_agent), is_free=False)
                note_loop(connection, finding, tags, of_agent, call.call_id, ended_at)

    def _remember_free(self, who: Who, *, is_free: bool) -> None:
        """Whether no loop of theirs stands in the ledger, so that it need not be asked."""
        self._free.discard(who)
        if is_free:
            if len(self._free) >= CALLS_KEPT:
                self._free.clear()
            self._free.add(who)

    def _ruled(self, desk: Desk, call: Call, found: tuple[Finding, ...]) -> list[Finding]:
        """What was found at the level that it leads to in this project."""
        if not found:
            return []
        rules = rules_of(desk.connection, call.tags.project)
        ruled = [replace(one, level=rules.level_of(one.kind, one.level)) for one in found]
        return [one for one in ruled if one.level is not LoopLevel.OFF]

    def _of_session(self, desk: Desk, call: Call) -> tuple[Finding, ...]:
        """Whether the session spends, or its task calls, far more than is usual for this agent."""
        usual, tags = self.usual.get(call.tags.agent), call.tags
        if usual is None:
            return ()
        found = [self._count(desk, call, usual)]
        if tags.session and call.cost_nano_usd:
            session = (tags.virtual_key_id, tags.session)
            if not self._spending.knows_session(session):
                before = spent_lately(desk.connection, tags, call.started_at - PACE_WINDOW)
                self._spending.restore_session(session, before[:-1])  # the last is this call
            spent = (session, call.started_at, call.cost_nano_usd)
            found.append(self._spending.spend(*spent, usual.pace_nano_usd))
        return tuple(one for one in found if one is not None)

    def _count(self, desk: Desk, call: Call, usual: Usual) -> Finding | None:
        tags, label = call.tags, call.tags.task or call.tags.session
        if not label:
            return None
        day = call.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
        task = (tags.agent, tags.project, label, f"{day:%Y-%m-%d}")
        if not self._spending.knows_task(task):
            self._spending.restore_task(task, calls_since(desk.connection, tags, day) - 1)
        return self._spending.count(task, usual.calls)


async def keep_usual(recorder: Recorder, ledger: Ledger) -> None:
    """Read again and again what is usual for each agent, beside the calls. Ends only by being cancelled."""
    while True:
        try:
            usual = await asyncio.to_thread(usual_of, ledger, datetime.now(UTC))
            recorder.post(functools.partial(_remember_usual, usual=usual))
        except AppError as error:
            logger.warning("what is usual cannot be read: %s", error)
        await asyncio.sleep(USUAL_EVERY_S)


def _remember_usual(desk: Desk, *, usual: Mapping[str, Usual]) -> None:
    desk.memory.usual = usual


def usual_of(ledger: Ledger, now: datetime) -> dict[str, Usual]:
    """What is usual for each agent that has a history."""
    histories = agent_histories(ledger, now).items()
    return {agent: Usual(median(one.quarters_nano_usd), median(one.days_calls)) for agent, one in histories}
