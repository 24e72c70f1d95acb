"""`bursar pause` and `bursar resume`: one switch for all agents."""

from app.cli import console, places


def pause_calls() -> None:
    """Pause everything: calls wait, nothing is sent, until you resume."""
    from app.ledger.meter_state import pause_everything

    with places.opened_ledger() as ledger:
        pause_everything(ledger, by=places.user_name())
    console.say("Everything is paused. Calls wait until: bursar resume")


def resume_calls() -> None:
    """Let calls go on after a pause."""
    from app.ledger.meter_state import resume

    with places.opened_ledger() as ledger:
        resume(ledger, by=places.user_name())
    console.say("Calls go on.")
