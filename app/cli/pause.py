"""`bursar pause`, `bursar resume`, `bursar stop`: one switch for all agents, and one for each session."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.cli.choosing import choose
from app.core.errors import InvalidInput

if TYPE_CHECKING:
    from app.ledger.engine import Ledger

LOOKED_BACK = timedelta(days=1)
_MOST_SESSIONS = 500
CUT = typer.Option(False, "--cut", help="Also cut the answers that are running now.")


def pause_calls(
    session: str = typer.Argument("", help="A session's id, or the end of it; without one, everything is paused."),
    cut: bool = CUT,
) -> None:
    """Pause everything, or one session: its calls wait, nothing is sent, until you resume."""
    from app.ledger.meter_state import pause_everything
    from app.ledger.session_store import pause_session

    with places.opened_ledger() as ledger:
        if not session:
            pause_everything(ledger, by=places.user_name(), cuts_streams=cut)
            console.say("Everything is paused. Calls wait until: bursar resume")
            return
        chosen = _chosen_running(ledger, session)
        pause_session(ledger, chosen, by=places.user_name(), cuts_streams=cut)
    console.say(f"Session {chosen} is paused. Its calls wait until: bursar resume {chosen}")


def resume_calls(
    session: str = typer.Argument("", help="A paused or stopped session; without one, the pause of everything ends."),
) -> None:
    """Let calls go on after a pause of everything, or those of one paused or stopped session."""
    from app.ledger.meter_state import resume
    from app.ledger.session_store import list_stopped_sessions, resume_session

    with places.opened_ledger() as ledger:
        if not session:
            resume(ledger, by=places.user_name())
            held = len(list_stopped_sessions(ledger))
            console.say(
                "Calls go on." + (f" Not those of {held} paused or stopped: bursar stop --list" if held else "")
            )
            return
        names = [known.session for known in list_stopped_sessions(ledger)]
        kind = "paused or stopped session"
        chosen = choose(names, session, lambda name: (name,), kind=kind, listing="bursar stop --list")
        resume_session(ledger, chosen)
    console.say(f"Session {chosen} goes on.")


def stop_session(
    session: str = typer.Argument("", help="Its id, or the end of it; may be left out when one runs."),
    cut: bool = CUT,
    listing: bool = typer.Option(False, "--list", help="Show the paused and stopped sessions."),
) -> None:
    """Stop one session: its next call is refused, and its agent is told so."""
    from app.ledger import session_store

    with places.opened_ledger() as ledger:
        if listing:
            _list_held(ledger)
            return
        chosen = _chosen_running(ledger, session)
        session_store.stop_session(ledger, chosen, by=places.user_name(), cuts_streams=cut)
    console.say(f"Session {chosen} is stopped. Let it go on with: bursar resume {chosen}")


def _chosen_running(ledger: "Ledger", session: str) -> str:
    return choose(_running(ledger), session, lambda name: (name,), kind="session", listing="bursar spend --by session")


def _running(ledger: "Ledger") -> list[str]:
    """Sessions with a call in the last day, or one that waits."""
    from app.core.tags import Scope
    from app.ledger.approval_store import waiting
    from app.ledger.spend import spend_by

    now = datetime.now(UTC)
    spent = spend_by(ledger, Scope.SESSION, now - LOOKED_BACK, now + timedelta(seconds=1))
    names = [group.key for group in spent[:_MOST_SESSIONS]] + [call.tags.session for call in waiting(ledger)]
    found = list(dict.fromkeys(name for name in names if name))
    if not found:
        raise InvalidInput("No session runs", "Only agents that name their sessions can be held by them.")
    return found


def _list_held(ledger: "Ledger") -> None:
    from app.ledger.session_store import list_stopped_sessions

    found = list_stopped_sessions(ledger)
    if not found:
        console.say("No session is paused or stopped.")
        return
    rows = [
        [
            one.session,
            "paused" if one.is_pause else "stopped",
            f"{one.stopped_at.astimezone():%Y-%m-%d %H:%M}",
            one.stopped_by,
        ]
        for one in found
    ]
    console.print_table(["Session", "State", "Since", "By"], rows)
