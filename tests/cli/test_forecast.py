import json

from app.core.tags import Tags
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call


def test_a_first_day_is_too_early_for_a_guess(bursar: Bursar, ledger: Ledger) -> None:
    assert bursar("forecast").out == "Nothing was spent in the last two months.\n"
    book_call(ledger, Tags(project="shop", agent="codex"), 1_500_000_000)
    book_call(ledger, Tags(project="docs", agent="codex"), 500_000_000)
    lines = bursar("forecast").out.splitlines()
    assert "too early" in next(line for line in lines if line.startswith("shop"))
    assert "$2.00" in next(line for line in lines if line.startswith("All"))
    told = json.loads(bursar("forecast", "--by", "agent", "--json").out)
    assert [(month["agent"], month["expected_usd"]) for month in told["months"]] == [("codex", "2.00")]


def test_a_cap_is_tried_on_the_past(bursar: Bursar, ledger: Ledger) -> None:
    for cost in (800_000_000, 700_000_000, None):
        book_call(ledger, Tags(project="shop", agent="codex"), cost)
    said = bursar("caps", "simulate", "--limit", "1", "--project", "shop", "--each", "total").out
    assert "shop, in total, $1.00: looked at 3 calls, $1.50, 1 window." in said
    assert "Without a price, so not looked at: 1 call." in said
    assert "It would have stopped: 1 stop, 1 call; at least $0.70 saved." in said
    told = json.loads(bursar("caps", "simulate", "--limit", "1", "--json").out)
    assert (told["saved_usd"], told["stopped"][0]["calls_stopped"]) == ("0.70", 1)
    assert "stopped nothing" in bursar("caps", "simulate", "--limit", "9").out
    assert "no call would have counted" in bursar("caps", "simulate", "--limit", "9", "--agent", "x").out
    assert bursar("caps", "simulate", "--limit", "9", "--agent", "x", "--task", "y").status == 1
