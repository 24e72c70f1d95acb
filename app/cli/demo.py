"""`bursar demo`: the whole thing without any key, on a ledger that is thrown away."""

import signal
import sys
from typing import TYPE_CHECKING

import typer

from app.cli import console, tray
from app.core.money import format_exact_usd

if TYPE_CHECKING:
    from app.ledger.approval_store import Approval
    from app.services.demo.story import Summary


def show_demo(
    headless: bool = typer.Option(False, "--headless", help="Without a screen: tell the story as text and end."),
) -> None:
    """Show Bursar at work with simulated agents and a scripted provider. Touches nothing of yours."""
    from app.services.demo.stage import BRISK, LEISURELY, set_stage

    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that the stage is cleared away
    if headless:
        from app.services.demo.story import tell_story

        with set_stage(BRISK) as stage:
            summary = tell_story(stage, console.say)
        _print_summary(summary)
        raise typer.Exit(1 if summary.faults else 0)
    tray.require_screen("The demo's tray needs a desktop. Without one: bursar demo --headless")
    from app.desktop.application import run_desktop  # Qt takes a while to load and the text needs none of it
    from app.keys.vault import FixedVault

    console.say("The demo runs until you quit the tray. Claude Code reaches its cap in a few seconds and asks you.")
    with set_stage(LEISURELY) as stage:
        vault = FixedVault(stage.keys)
        status = run_desktop(stage.ledger.path, stage.settings, vault=vault, keeps_meter=False, opens_window=True)
    raise typer.Exit(status)


def _print_summary(summary: "Summary") -> None:
    console.say("")
    rows = [
        [spend.key, f"{spend.calls}", f"{spend.refused_calls}", f"${format_exact_usd(spend.cost_nano_usd)}"]
        for spend in [*summary.by_agent, summary.total]
    ]
    rows[-1][0] = "All agents"
    console.print_table(["Agent", "Calls", "Refused", "Spent"], rows, numbers=(1, 2, 3))
    for answer in reversed(summary.answers):
        console.say(_answer_line(answer))
    bill = f"${format_exact_usd(summary.bill_nano_usd)} for {summary.billed_calls} calls"
    if summary.faults:
        console.say(f"The provider's own bill: {bill}. Not as it must be: {'; '.join(summary.faults)}.")
    else:
        console.say(f"The provider's own bill: {bill}. The ledger agrees to the last digit.")


def _answer_line(answer: "Approval") -> str:
    agent = answer.tags.agent
    waited = (answer.answered_at - answer.asked_at).total_seconds() if answer.answered_at else 0.0
    return f"{agent} waited {waited:.1f} s at {answer.cap_name}: {answer.state}."
