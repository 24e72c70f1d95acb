"""The `bursar` command: its groups put together, and its errors told."""

import io
import sys

import typer

from app.cli import (
    approvals,
    audit,
    ca,
    cache,
    caps,
    compare,
    connect,
    demo,
    doctor,
    env,
    explain,
    export,
    forecast,
    import_,
    keys,
    ledger,
    loops,
    mcp,
    pause,
    prices,
    proxy,
    review,
    run,
    service,
    simulate,
    spend,
    tools,
    tray,
    uninstall,
    update,
)
from app.cli.console import show_error
from app.core.errors import AppError

app = typer.Typer(
    name="bursar",
    help="Meters, caps and explains what coding agents spend.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback(invoke_without_command=True)(tray.show_tray)
app.command("run", context_settings={"allow_interspersed_args": False})(run.run_agent)
app.command("env")(env.print_exports)
app.add_typer(proxy.app, name="proxy")
app.add_typer(service.app, name="service")
app.command("ca")(ca.print_certificate)
app.command("connect")(connect.connect)
app.command("disconnect")(connect.disconnect)
app.command("doctor")(doctor.examine)
app.command("mcp")(mcp.serve)
app.command("spend")(spend.show_spend)
app.command("tools")(tools.show_tools)
app.command("cache")(cache.show_cache)
app.command("audit")(audit.audit_captures)
app.add_typer(caps.app, name="caps")
app.add_typer(keys.app, name="keys")
app.add_typer(approvals.app, name="approvals")
app.add_typer(prices.app, name="prices")
app.add_typer(ledger.app, name="ledger")
app.add_typer(loops.app, name="loops")
app.add_typer(review.app, name="review")
app.command("pause")(pause.pause_calls)
app.command("resume")(pause.resume_calls)
app.command("stop")(pause.stop_session)
app.add_typer(export.app, name="export")
app.command("import")(import_.import_history)
app.command("compare")(compare.compare_counts)
app.command("forecast")(forecast.show_forecast)
caps.app.command("simulate")(simulate.simulate_cap)
app.command("explain")(explain.explain_cost)
app.command("demo")(demo.show_demo)
app.add_typer(update.app, name="update")
app.command("uninstall")(uninstall.uninstall)


def run_command() -> None:
    """Run what was typed, then leave with its exit status: 1 for an error that is told, 2 for a wrong command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a table must not fail where a terminal has no lines to draw
    try:
        app()
    except AppError as error:
        show_error(error)
        sys.exit(1)
