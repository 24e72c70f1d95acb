import json
from pathlib import Path

from tests.cli.conftest import Bursar
from tests.services.test_releases import NEWER, fed


def test_a_newer_one_is_told_and_where_it_is(bursar: Bursar, home: Path) -> None:
    home.mkdir(mode=0o700)
    with fed(json.dumps(NEWER).encode()) as settings:
        (home / "settings.json").write_text(json.dumps({"update_feed": settings.update_feed}))
        assert NEWER["notes"] in bursar("update", "check").out
        assert json.loads(bursar("update", "check", "--json").out) == NEWER


def test_without_a_feed_nothing_is_asked(bursar: Bursar) -> None:
    ran = bursar("update", "check")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "This Bursar knows of no release feed")
