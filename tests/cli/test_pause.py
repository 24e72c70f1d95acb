from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger
from app.ledger.meter_state import is_paused
from app.ledger.session_store import list_stopped_sessions
from tests.cli.conftest import Bursar
from tests.cli.samples import ask_person


def _waits(ledger: Ledger, *sessions: str) -> None:
    cap = add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=10_000_000_000, time_zone="UTC"
    )
    for session in sessions:
        ask_person(ledger, Tags(session=session), cap)


def test_everything_is_paused_and_resumed(bursar: Bursar, ledger: Ledger) -> None:
    assert bursar("pause").out == "Everything is paused. Calls wait until: bursar resume\n"
    assert is_paused(ledger)
    assert bursar("resume").out == "Calls go on.\n"
    assert not is_paused(ledger)


def test_a_session_is_stopped_by_the_end_of_its_id_and_goes_on(bursar: Bursar, ledger: Ledger) -> None:
    _waits(ledger, "2f0c-aaaaaa", "2f0c-bbbbbb")
    assert bursar("stop", "bbbbbb", "--cut").out.startswith("Session 2f0c-bbbbbb is stopped.")
    (stopped,) = list_stopped_sessions(ledger)
    assert (stopped.session, stopped.cuts_streams) == ("2f0c-bbbbbb", True)
    assert "2f0c-bbbbbb" in bursar("stop", "--list").out
    assert bursar("resume", "2f0c-bbbbbb").out == "Session 2f0c-bbbbbb goes on.\n"
    assert bursar("stop", "--list").out == "No session is paused or stopped.\n"


def test_a_session_is_paused_by_the_end_of_its_id_and_others_go_on(bursar: Bursar, ledger: Ledger) -> None:
    _waits(ledger, "2f0c-aaaaaa", "2f0c-bbbbbb")
    said = "Session 2f0c-bbbbbb is paused. Its calls wait until: bursar resume 2f0c-bbbbbb\n"
    assert bursar("pause", "bbbbbb").out == said
    assert not is_paused(ledger)
    assert [(one.session, one.is_pause) for one in list_stopped_sessions(ledger)] == [("2f0c-bbbbbb", True)]
    assert "paused" in bursar("stop", "--list").out
    assert bursar("resume").out == "Calls go on. Not those of 1 paused or stopped: bursar stop --list\n"
    assert bursar("resume", "bbbbbb").out == "Session 2f0c-bbbbbb goes on.\n"
    assert list_stopped_sessions(ledger) == []


def test_no_session_is_stopped_by_guessing(bursar: Bursar, ledger: Ledger) -> None:
    assert "No session runs" in bursar("stop").err
    _waits(ledger, "2f0c-aaaaaa", "2f0c-bbbbbb")
    assert "Several sessions match" in bursar("stop").err
    assert "No such session" in bursar("stop", "never-seen").err
    assert list_stopped_sessions(ledger) == []
