"""Fetching price tables: from a server on this machine and from files, with nothing taken on trust."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import FetchError, InvalidInput
from app.ledger.engine import Ledger
from app.ledger.price_store import keep_table, load_book, prices_as_of, table_in_force, undo_table
from app.pricing.book import bundled_book
from app.pricing.review import Doubt
from app.services import price_updates
from app.services.price_updates import accept_update, default_source, fetch_update
from tests.pricing.tables import changed, published
from tests.services.file_server import served

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_fetched_table_is_in_force_once_it_is_accepted(ledger: Ledger) -> None:
    with served(changed(gpt_6_1_sol={"input_mtok": 3, "output_mtok": 15})) as url:
        update = fetch_update(ledger, url, NOW)
    assert update.concerns == ()
    assert load_book(ledger).table is bundled_book().table

    accept_update(ledger, update)
    table = load_book(ledger).table
    row = table.find_row("openai", "gpt-6.1-sol")
    assert row is not None
    assert row.rates(NOW)["output_tokens"] == 15
    assert (table.version, table.as_of) == (update.version, NOW)
    assert prices_as_of(ledger) == NOW

    undo_table(ledger)
    assert load_book(ledger).table is bundled_book().table
    assert prices_as_of(ledger) == bundled_book().table.as_of


def test_what_should_be_looked_at_is_compared_with_the_table_in_force(ledger: Ledger) -> None:
    with served(changed(gpt_6_1_sol={"input_mtok": 0.99, "output_mtok": 4.99})) as url:
        first = fetch_update(ledger, url, NOW)
        assert [one.doubt for one in first.concerns] == [Doubt.DROPPED]
        accept_update(ledger, first)
        assert fetch_update(ledger, url, NOW).concerns == ()


@pytest.mark.parametrize("body", [b"<html>not found</html>", b"[]", b'{"providers": []}'])
def test_an_answer_that_is_no_table_changes_nothing(ledger: Ledger, body: bytes) -> None:
    with served(body) as url, pytest.raises(InvalidInput, match="Not a price table"):
        fetch_update(ledger, url, NOW)
    assert load_book(ledger).table is bundled_book().table


def test_a_server_that_fails_or_is_not_there_is_told(ledger: Ledger) -> None:
    with served(b"gone", status=404) as url, pytest.raises(FetchError, match="could not be fetched"):
        fetch_update(ledger, url, NOW)
    with pytest.raises(FetchError, match="could not be fetched"):
        fetch_update(ledger, url, NOW)


def test_an_answer_without_end_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_updates, "MAX_BYTES", 1000)
    with served(published().encode()) as url, pytest.raises(InvalidInput, match="larger"):
        fetch_update(ledger, url, NOW)


def test_prices_are_not_fetched_in_the_open(ledger: Ledger) -> None:
    with pytest.raises(InvalidInput, match="https"):
        fetch_update(ledger, "http://prices.example.test/data.json", NOW)
    assert default_source().startswith("https://")


def test_the_meter_is_gone_around(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://tag:x@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with served(published().encode()) as url:
        assert fetch_update(ledger, url, NOW).models > 2000


def test_a_file_is_as_old_as_its_last_change(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(published())
    changed_at = datetime(2026, 11, 15, tzinfo=UTC)
    os.utime(file, (changed_at.timestamp(), changed_at.timestamp()))
    assert fetch_update(ledger, str(file), NOW).fetched_at == changed_at

    older = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    os.utime(file, (older, older))
    with pytest.raises(InvalidInput, match="older"):
        fetch_update(ledger, str(file), NOW)
    with pytest.raises(FetchError, match="cannot be read"):
        fetch_update(ledger, str(tmp_path / "none.json"), NOW)


def test_a_table_that_a_newer_bursar_overtook_or_cannot_read_is_passed_over(ledger: Ledger) -> None:
    keep_table(ledger, published().encode(), "x", datetime(2026, 11, 1, tzinfo=UTC))
    book = load_book(ledger)
    assert book.table.version == bundled_book().table.version
    keep_table(ledger, b"[1]", "x", NOW)
    assert load_book(ledger).table.version == bundled_book().table.version
    with ledger.read() as connection:
        assert table_in_force(connection) is not None
