"""A sample ledger for pictures: agents in loops that wait for an answer, one of them with absurd names and amounts."""

from datetime import timedelta

from app.core.call import ApiShape
from app.core.loops import Finding, LoopKind, LoopLevel
from app.core.money import NANO_PER_USD
from app.core.reservations import Draft
from app.core.tags import Tags
from app.ledger import approval_store
from app.ledger.admission import admit
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from app.ledger.identifiers import new_id
from app.ledger.loop_store import note_loop
from sample_absurd import ABSURD
from sample_ledgers import NOW, WORK, fill_waiting, write

_LONG = "mcp__a_server_with_a_name_as_long_as_names_can_be__and_a_tool_that_is_called_like_a_whole_sentence_is"
_LOOPS = (
    (WORK[2][0], Finding(LoopKind.FAILING, LoopLevel.PAUSE, 12, "m", ("Bash",), 1_900_000_000)),
    (WORK[1][0], Finding(LoopKind.CYCLE, LoopLevel.PAUSE, 6, "m", ("exec_command", "apply_patch"), None)),
    (ABSURD, Finding(LoopKind.REPEAT, LoopLevel.PAUSE, 1_234_567, "m", (_LONG,), 98_765_432 * NANO_PER_USD)),
)


def fill_loops(ledger: Ledger, meter: str) -> None:
    """One call that waits at a cap, and three in loops."""
    for number, (tags, finding) in enumerate(_LOOPS):
        _ask(ledger, meter, tags, finding, timedelta(seconds=20 * (3 - number) + 12))
    fill_waiting(1, ledger, meter)


def _ask(ledger: Ledger, meter: str, tags: Tags, finding: Finding, ago: timedelta) -> None:
    at = NOW - ago
    draft = Draft(
        new_id(), at, "anthropic", ApiShape.ANTHROPIC_MESSAGES, "chat", "claude-haiku-4-5", True, tags, 130_000_000,
        carries_results=True,
    )  # fmt: skip

    def operation(desk: Desk) -> None:
        note_loop(desk.connection, finding, tags, "", new_id(), at)
        verdict = admit(desk.connection, desk.caps, draft, instance_id=meter)
        approval_store.ask(desk.connection, draft, verdict.obstacles[0], meter, at + timedelta(minutes=10))

    write(ledger, [operation])
