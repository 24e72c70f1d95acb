"""The release feed: what it says is held against this version, and nothing of it is taken on trust."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest

import feed
from app.core.errors import AppError, FetchError, InvalidInput
from app.services import releases
from app.services.doctor.finding import Level
from app.services.doctor.releases import release_findings
from app.services.releases import Release, find_newer, words_of
from app.services.settings import Settings
from tests.services.file_server import served

NEWER = {"version": "99.1.0", "released": "2026-12-01", "notes": "https://bursar.example/99.1.0"}


@contextmanager
def fed(body: bytes, moved_to: str = "") -> Iterator[Settings]:
    """Settings that name a feed on this machine."""
    with served(body, moved_to=moved_to) as url:
        yield Settings(update_feed=f"{url}/feed.json", update_check=True)


def test_a_newer_one_is_told_with_its_page_and_nothing_else() -> None:
    with fed(json.dumps(NEWER).encode()) as settings:
        found = find_newer(settings)
        [finding] = release_findings(settings)
    assert found == Release("99.1.0", date(2026, 12, 1), "https://bursar.example/99.1.0")
    assert "Bursar 99.1.0 is out since 01 Dec 2026" in words_of(found)
    assert (finding.level, finding.fix) == (Level.NOTE, "See https://bursar.example/99.1.0")


def test_the_feed_that_is_published_with_a_version_calls_it_the_newest() -> None:
    with fed(json.dumps(feed.feed("https://bursar.example/notes", "2026-11-22")).encode()) as settings:
        assert find_newer(settings) is None
        [finding] = release_findings(settings)
    assert finding.level is Level.FINE


def test_the_doctor_asks_nobody_unless_a_person_said_so() -> None:
    assert Settings().update_check is False
    assert release_findings(Settings(update_feed="http://127.0.0.1:9/feed.json")) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b"[" * 60_000,
        json.dumps(NEWER | {"version": "99; rm -rf"}).encode(),
        json.dumps(NEWER | {"notes": "javascript:alert(1)"}).encode(),
        json.dumps(NEWER | {"notes": "https://x.example/\u001b[2J"}).encode(),
        json.dumps(NEWER | {"released": "soon"}).encode(),
    ],
)
def test_what_is_no_feed_is_refused_in_words(body: bytes) -> None:
    with fed(body) as settings, pytest.raises(FetchError, match="could not be read"):
        find_newer(settings)


def test_a_feed_without_end_is_left() -> None:
    with fed(b" " * (releases.MOST_BYTES + 1)) as settings, pytest.raises(AppError, match="could not be read"):
        find_newer(settings)


def test_no_redirect_leads_to_an_address_without_tls() -> None:
    with fed(b"", moved_to="http://feed.example/feed.json") as settings, pytest.raises(FetchError, match="https"):
        find_newer(settings)


def test_without_a_feed_a_person_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="update_feed"):
        find_newer(Settings())
    with pytest.raises(InvalidInput, match="https"):
        find_newer(replace(Settings(), update_feed="http://feed.example/feed.json"))


def test_versions_are_compared_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "installed_version", lambda: "0.9")
    for told, is_newer in (("0.10.0", True), ("0.9.0", False), ("0.8.12", False), ("1.0", True)):
        with fed(json.dumps(NEWER | {"version": told}).encode()) as settings:
            assert (find_newer(settings) is not None) is is_newer, told
