"""Whether a newer Bursar is out: asked of the release feed when a person says so, and told. Nothing is downloaded
beyond the feed, and nothing is run.

The feed is a JSON file beside each release (`packaging/feed.py` writes it):
`{"version": "0.2.0", "released": "2026-12-01", "notes": "https://…"}`.
"""

import json
import re
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from app.core.errors import FetchError, InvalidInput
from app.paths import resources_folder
from app.services.download import download
from app.services.settings import Settings

MOST_BYTES = 64_000
_VERSION = re.compile(r"\d{1,6}(?:\.\d{1,6}){1,3}")
_UNKNOWN = "This Bursar knows of no release feed"


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is out. `notes` is a web page that says what is new, and where to get it."""

    version: str
    released: date
    notes: str


def installed_version() -> str:
    """This Bursar's own."""
    return version("bursar")


def feed_of(settings: Settings) -> str:
    """Where releases are told: the settings' address, else the one this Bursar was built with; empty for none."""
    if settings.update_feed:
        return settings.update_feed
    stamped: dict[str, Any] = json.loads((resources_folder() / "release" / "release.json").read_text("utf-8"))
    return str(stamped["feed"])


def find_newer(settings: Settings) -> Release | None:
    """The release that is newer than this one; None where this is the newest. Raises FetchError, InvalidInput."""
    feed = feed_of(settings)
    if not feed:
        raise InvalidInput(_UNKNOWN, "Name one in the settings: “update_feed”.")
    body = download(feed, MOST_BYTES, failed="The release feed could not be read", otherwise="Nothing was changed.")
    release = _release(body)
    return release if _order(release.version) > _order(installed_version()) else None


def words_of(release: Release | None) -> str:
    """What came of it, for a person."""
    if release is None:
        return f"Bursar {installed_version()} is the newest."
    return (
        f"Bursar {release.version} is out since {release.released:%d %b %Y}; this is {installed_version()}. "
        f"What is new, and where it is: {release.notes}"
    )


def _release(body: bytes) -> Release:
    try:
        told = json.loads(body)
        found = Release(str(told["version"]), date.fromisoformat(told["released"]), str(told["notes"]))
    except (ValueError, TypeError, LookupError, RecursionError):
        raise FetchError("The release feed could not be read", "It is no release feed.") from None
    is_page = found.notes.startswith("https://") and found.notes.isprintable() and " " not in found.notes
    if not _VERSION.fullmatch(found.version) or not is_page:
        raise FetchError("The release feed could not be read", "It is no release feed.")
    return found


def _order(name: str) -> tuple[int, ...]:
    """For comparing: 0.10 is newer than 0.9, and 1.0 is 1.0.0."""
    numbers = [int(part) for part in re.findall(r"\d+", name.partition("+")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
