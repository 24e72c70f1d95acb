from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.origin import Origin, RequestClass
from app.core.tags import Tags
from app.core.usage import Usage
from app.desktop.models.columns import call_part

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CALL = Call(
    "c", NOW, "anthropic", ApiShape.ANTHROPIC_MESSAGES, "chat", "m", Tags(agent="claude"), Outcome.COMPLETED, Usage(),
    1, Basis.TABLE,
)  # fmt: skip


@pytest.mark.parametrize(
    ("origin", "shown", "hint"),
    [
        (Origin(), "", ""),
        (Origin(RequestClass.TITLE), "title", "title"),
        (
            Origin(RequestClass.SUB_AGENT, "b7", "a1", "Explore"),
            "sub-agent",
            "sub-agent, Explore, b7, started by a1",
        ),
        (Origin(RequestClass.COMPACTION, "b7"), "compaction", "compaction, b7"),
        (Origin(RequestClass.SUB_AGENT, "CLI", "", "CLI"), "sub-agent", "sub-agent, CLI"),
        (Origin(RequestClass.MAIN, "b7"), "sub-agent", "sub-agent, b7"),
    ],
)
def test_a_call_tells_which_part_of_its_agent_made_it(origin: Origin, shown: str, hint: str) -> None:
    call = replace(CALL, origin=origin)
    assert (call.origin.word, call_part(call)) == (shown, hint)
