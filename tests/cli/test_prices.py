import json
from pathlib import Path

import pytest

from app.pricing.book import use_book
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call
from tests.pricing.tables import changed


@pytest.fixture(autouse=True)
def _shipped_prices() -> object:
    yield
    use_book(None)


def test_a_model_is_shown_with_its_price_and_the_age_of_the_table(bursar: Bursar) -> None:
    ran = bursar("prices", "show", "claude-opus-5-5", "--provider", "anthropic")
    assert ran.status == 0
    assert "$4" in ran.out
    assert "$0.20" in ran.out
    assert "of 2026-11-10" in ran.out


def test_a_script_gets_exact_amounts(bursar: Bursar) -> None:
    told = json.loads(bursar("prices", "show", "gpt-6.1-sol", "--provider", "openai", "--json").out)
    assert told["as_of"] == "2026-11-10"
    (offer,) = told["offers"]
    assert (offer["row"], offer["usd"]["cache_read_tokens"], offer["tiers_from_tokens"]) == (
        "gpt-6.1-sol",
        "0.1",
        [272_000],
    )


def test_a_model_without_a_price_is_shown_beside_the_nearest_one(bursar: Bursar) -> None:
    ran = bursar("prices", "show", "gpt-6.2-sol")
    assert "never as $0" in ran.out
    assert "nearest model at openai is gpt-6.1-sol ($2 in, $10 out)" in ran.out
    told = json.loads(bursar("prices", "show", "gpt-6.2-sol", "--json").out)
    assert told["offers"] == []
    assert {"provider": "openai", "row": "gpt-6.1-sol"} in told["siblings"]


def test_a_price_is_set_listed_shown_and_taken_away(bursar: Bursar) -> None:
    said = bursar("prices", "set", "gpt-6.2-sol", "--provider", "openai", "--input", "$2", "--output", "10").out
    assert said == "gpt-6.2-sol at openai: $2 in, $10 out.\n"
    (listed,) = json.loads(bursar("prices", "list", "--json").out)
    assert listed["usd"] == {"input": "2", "output": "10"}
    assert "$2 in, $10 out" in bursar("prices", "show", "gpt-6.2-sol", "--provider", "openai").out
    assert "gpt-6.2-sol at openai" in bursar("prices", "list").out
    assert bursar("prices", "unset", "gpt-6.2-sol").status == 0
    assert "no prices" in bursar("prices", "list").out


def test_factors_free_hosts_and_days_are_set(bursar: Bursar) -> None:
    bursar("prices", "set", "--provider", "azure", "--factor", "0.85", "--from", "2026-12-01", "--until", "2027-01-01")
    bursar("prices", "set", "--host", "*.corp.test", "--free")
    factor, free = json.loads(bursar("prices", "list", "--json").out)
    assert (factor["factor"], free["factor"]) == ("0.85", "0")
    assert factor["starts_at"] < factor["ends_at"]
    assert factor["starts_at"].startswith(("2026-11-30", "2026-12-01"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["gpt-9"], "Which price"),
        (["gpt-9", "--free", "--factor", "2"], "Which price"),
        (["gpt-9", "--input", "2"], "Half a price"),
        (["--free"], "Which calls"),
        (["gpt-9", "--input", "nan", "--output", "1"], "Not an amount"),
        (["gpt-9", "--input", "-1", "--output", "1"], "Not an amount"),
        (["gpt-9", "--factor", "0"], "Not a factor"),
        (["gpt-9", "--factor", "1e999999"], "Not a factor"),
        (["gpt-9", "--provider", "opnai", "--free"], "No such provider"),
        (["gpt-9", "--free", "--from", "tomorrow"], "Not a day"),
        (["gpt-9", "--free", "--from", "2026-12-02", "--until", "2026-12-01"], "never be in effect"),
    ],
)
def test_a_price_that_means_nothing_is_refused(bursar: Bursar, arguments: list[str], word: str) -> None:
    ran = bursar("prices", "set", *arguments)
    assert ran.status == 1
    assert word in ran.err
    assert json.loads(bursar("prices", "list", "--json").out) == []


def test_an_update_that_needs_a_look_changes_nothing_until_it_is_taken(bursar: Bursar, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_bytes(changed(gpt_6_1_sol={"input_mtok": 0.5, "output_mtok": 2}))

    def price() -> str:
        told = json.loads(bursar("prices", "show", "gpt-6.1-sol", "--provider", "openai", "--json").out)
        return str(told["offers"][0]["usd"]["input_tokens"])

    asked = bursar("prices", "update", "--from", str(file))
    assert (asked.status, price()) == (1, "2")
    assert "gpt-6.1-sol" in asked.out
    assert "--yes" in asked.err
    taken = bursar("prices", "update", "--from", str(file), "--yes")
    assert (taken.status, price()) == (0, "0.5")
    assert bursar("prices", "update", "--undo").status == 0
    assert price() == "2"
    assert bursar("prices", "update", "--undo").status == 1


def test_old_prices_are_told_beside_the_spend(bursar: Bursar, ledger: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.tags import Tags
    from app.ledger.engine import Ledger
    from app.pricing import age

    assert isinstance(ledger, Ledger)
    book_call(ledger, Tags(project="p", agent="a", user="u"), 1_000_000)
    monkeypatch.setattr(age, "STALE_AFTER_DAYS", -1)
    ran = bursar("spend")
    assert "bursar prices update" in ran.err
    assert len(ran.err.splitlines()) == 1
