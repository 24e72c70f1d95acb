import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from app.core.errors import AppError, FetchError, InvalidInput
from app.core.history import BillSource
from app.ledger.engine import Ledger
from app.services.imports import fetched_bills
from app.services.imports.fetched_bills import fetch_bill
from app.services.imports.provider_bills import Bill
from tests.services.imports.test_provider_bills import amounts

KEY = "sk-admin-0123456789"
NOW = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
ANTHROPIC = (
    {
        "data": [
            {
                "starting_at": "2026-11-20T00:00:00Z",
                "results": [
                    {"amount": "123.4567", "currency": "USD", "description": "Claude Opus 4.8 Usage - Input Tokens"},
                    {"amount": "0.5", "currency": "USD", "description": None, "cost_type": "web_search"},
                    {"amount": "much", "currency": "USD", "description": "x"},
                ],
            }
        ],
        "has_more": True,
        "next_page": "page_2",
    },
    {
        "data": [
            {"starting_at": "2026-11-21T00:00:00Z", "results": []},
            {"starting_at": "2026-11-22T00:00:00Z", "results": [{"amount": "7", "description": "y"}]},
        ],
        "has_more": False,
        "next_page": None,
    },
)
OPENAI = {
    "data": [
        {
            "start_time": 1795132800,
            "results": [
                {"amount": {"value": 0.1, "currency": "usd"}, "line_item": "gpt-5.4, input"},
                {"amount": {"value": 0.2, "currency": "usd"}, "line_item": "gpt-5.4, input"},
                {"amount": {"value": 3, "currency": "eur"}, "line_item": "gpt-5.4, input"},
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}
OPENROUTER = {"data": [{"date": "2026-11-21", "model_permaslug": "openai/gpt-5", "usage": 0.015, "requests": 5}]}


class Asked(list[tuple[str, dict[str, list[str]], str]]):
    """Path, query and key of each request that came. `url` is where they come to."""

    url = ""


@contextmanager
def bills(*answers: object, status: int = 200) -> Iterator[Asked]:
    """A provider that gives these pages in turn to whoever has the key."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
            place = urlsplit(self.path)
            page = answers[min(len(asked), len(answers) - 1)]
            asked.append((place.path, parse_qs(place.query), key))
            body = page if isinstance(page, bytes) else json.dumps(page).encode()
            self.send_response(status if key == KEY else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_anthropics_cost_report_is_read_page_by_page_in_cents(ledger: Ledger) -> None:
    with bills(*ANTHROPIC) as asked:
        found = fetch_bill(ledger, BillSource.ANTHROPIC, KEY, 3, {"anthropic": asked.url}, NOW)
    assert found == Bill(days=2, items=3, broken_lines=1)
    assert amounts(ledger) == [
        ("anthropic", "2026-11-20", "Claude Opus 4.8 Usage - Input Tokens", 1_234_567_000),
        ("anthropic", "2026-11-20", "web_search", 5_000_000),
        ("anthropic", "2026-11-22", "y", 70_000_000),
    ]
    assert [path for path, _, _ in asked] == ["/v1/organizations/cost_report"] * 2
    assert asked[0][1]["starting_at"] == ["2026-11-20T00:00:00Z"]
    assert asked[1][1]["page"] == ["page_2"]


@pytest.mark.parametrize(
    ("source", "page", "kept"),
    [
        (BillSource.OPENAI, OPENAI, ("openai", "2026-11-20", "gpt-5.4, input", 300_000_000)),
        (BillSource.OPENROUTER, OPENROUTER, ("openrouter", "2026-11-21", "openai/gpt-5", 15_000_000)),
    ],
)
def test_the_others_tell_dollars_and_asking_again_doubles_nothing(
    ledger: Ledger, source: BillSource, page: object, kept: tuple[str, str, str, int]
) -> None:
    with bills(page) as asked:
        for _ in range(2):
            fetch_bill(ledger, source, KEY, 3, {source.value: asked.url}, NOW)
    assert amounts(ledger) == [kept]


@pytest.mark.parametrize(
    ("page", "status", "error"),
    [
        (b"{}", 200, FetchError),
        (b"[]", 200, FetchError),
        (b"<html>", 200, FetchError),
        ({"data": [{"results": 5, "start_time": 1}]}, 200, FetchError),
        (OPENAI, 500, FetchError),
        (OPENAI, 302, FetchError),
        (OPENAI, 403, InvalidInput),
    ],
)
def test_what_is_no_bill_is_told_and_nothing_is_kept(
    ledger: Ledger, page: object, status: int, error: type[AppError]
) -> None:
    with bills(page, status=status) as asked, pytest.raises(error) as told:
        fetch_bill(ledger, BillSource.OPENAI, KEY, 3, {"openai": asked.url}, NOW)
    assert KEY not in str(told.value)
    assert amounts(ledger) == []


def test_a_bill_without_an_end_is_given_up(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched_bills, "MAX_PAGES", 3)
    with bills(OPENAI | {"has_more": True, "next_page": "x"}) as asked, pytest.raises(FetchError, match="fewer days"):
        fetch_bill(ledger, BillSource.OPENAI, KEY, 3, {"openai": asked.url}, NOW)
    assert len(asked) == 3
    assert amounts(ledger) == []


def test_a_key_that_agents_use_and_an_odd_number_of_days_are_refused(ledger: Ledger) -> None:
    with bills(OPENAI) as asked:
        with pytest.raises(InvalidInput, match="administration"):
            fetch_bill(ledger, BillSource.OPENAI, "sk-other", 3, {"openai": asked.url}, NOW)
        for days in (0, -1, 367):
            with pytest.raises(InvalidInput, match="1 to 366"):
                fetch_bill(ledger, BillSource.OPENAI, KEY, days, {"openai": asked.url}, NOW)
    assert len(asked) == 1
