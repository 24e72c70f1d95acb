import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.pricing.book import use_book
from tests.cli.conftest import Bursar
from tests.services.imports.test_fetched_bills import KEY, OPENROUTER, bills
from tests.services.imports.written_logs import Told, claude_line, write_lines

CALL = Told("msg_1", 100, 900, 50, 40, 1)


@pytest.fixture
def _bundled_prices_after() -> Iterator[None]:
    yield
    use_book(None)


@pytest.mark.usefixtures("_bundled_prices_after")
def test_a_price_that_a_person_set_counts(bursar: Bursar, tmp_path: Path) -> None:
    write_lines(tmp_path / "logs" / "p" / "s.jsonl", [claude_line(CALL, "s")])
    bursar("prices", "set", "claude-opus-4-8", "--provider", "anthropic", "--factor", "0.5")
    bursar("import", "claude-code", str(tmp_path / "logs"))
    told = json.loads(bursar("compare", "--since", "all", "--json").out)
    assert told[0]["log_nano_usd"] == (100 * 5_000 + 900 * 500 + 50 * 6_250 + 40 * 25_000) // 2


def test_logs_are_imported_once_and_what_is_broken_is_told(bursar: Bursar, tmp_path: Path) -> None:
    write_lines(tmp_path / "logs" / "p" / "s.jsonl", [claude_line(CALL, "s"), "{"])
    ran = bursar("import", "claude-code", str(tmp_path / "logs"))
    assert (ran.status, ran.out) == (
        0,
        "claude-code: 1 file, 1 new call, 0 known, 0 metered as well.\n",
    )
    assert "cannot be read: 1 line." in ran.err
    again = json.loads(bursar("import", "claude-code", str(tmp_path / "logs"), "--json").out)
    assert again["stored"] == {"new": 0, "grown": 0, "known": 1}


def test_an_export_is_imported_from_its_file(bursar: Bursar, tmp_path: Path) -> None:
    export = tmp_path / "cost.csv"
    export.write_text("usage_date_utc,model,cost_usd\n2026-08-05,Claude Sonnet 5,2\n", "utf-8")
    assert bursar("import", "anthropic", "--from", str(export)).out == "anthropic: 1 day, 1 amount.\n"
    assert json.loads(bursar("import", "anthropic", "--from", str(export), "--json").out)["days"] == 1


def test_a_provider_is_asked_with_a_key_from_standard_input(bursar: Bursar, home: Path) -> None:
    with bills(OPENROUTER) as asked:
        home.mkdir(mode=0o700)
        (home / "settings.json").write_text(json.dumps({"upstreams": {"openrouter": asked.url}}))
        ran = bursar("import", "openrouter", "--days", "3", stdin=f"{KEY}\n")
    assert (ran.status, ran.out) == (0, "openrouter: 1 day, 1 amount.\n")
    assert KEY not in ran.err


def test_an_import_that_cannot_be_says_what_to_do(bursar: Bursar, tmp_path: Path) -> None:
    assert "--from FILE.csv" in bursar("import", "openai").err
    assert bursar("import", "openai").status == 1
    assert "Name the logs" in bursar("import", "codex", "--from", "x.csv").err
    assert "is not there" in bursar("import", "codex", str(tmp_path / "gone")).err
