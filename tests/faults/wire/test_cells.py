import json
from datetime import UTC, datetime

import pytest

from tests.end2end.meter_process import wait_until
from tests.faults.cells import cell as marked
from tests.faults.wire.answers import ANSWERS
from tests.faults.wire.cells import Cell
from tests.faults.wire.conftest import ASKED, ASKED_STREAM, Wire
from tests.faults.wire.contents import CONTENTS
from tests.faults.wire.streams import STREAMS

pytestmark = pytest.mark.end2end

CELLS = (*ANSWERS, *STREAMS, *CONTENTS)


def _param(cell: Cell) -> object:
    return pytest.param(cell, marks=marked(cell.number, cell.fault, cell.phase, cell.expected), id=cell.name)


@pytest.mark.parametrize("cell", [_param(cell) for cell in CELLS])
def test_a_provider_that_misbehaves(wire: Wire, cell: Cell) -> None:
    wire.provider.plays[cell.name] = cell.play
    before, start = wire.money().posted, datetime.now(UTC)
    answer = wire.ask(wire.raw(ASKED_STREAM if cell.is_stream else ASKED, x_play=cell.name))
    call = wire.call_since(start)

    assert (answer.status, answer.is_whole) == (cell.status, cell.is_whole)
    if cell.body is None:
        assert "provider" in json.loads(answer.body)["error"]["message"]
    else:
        assert answer.body == cell.body
    assert call.outcome is cell.outcome
    assert cell.error is None or call.error_type == cell.error
    wait_until(lambda: wire.money().held == 0, "the money to be settled")
    charged = wire.money().posted - before
    assert charged == cell.truth if cell.is_known else charged >= cell.truth
    wire.goes_on()


def test_no_two_cells_are_the_same() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)
