"""`bursar webhooks`: who is told of alerts, calls that wait, loops, and a meter that stops.

An address is read from standard input or typed unseen, never taken as an argument: Slack's is a secret.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.webhooks import EventGroup, Webhook, WebhookFormat, clean_webhook_name

if TYPE_CHECKING:
    from app.services.exports.status import ExportState

app = typer.Typer(help="Tell Slack, or a server of yours, of alerts, waiting calls and loops.", no_args_is_help=True)

NAME = typer.Argument(callback=clean_webhook_name, help="What you call it, like team-slack.")


@app.command("add")
def add(
    name: str = NAME,
    form: WebhookFormat = typer.Option(WebhookFormat.JSON, "--format", "-f", help="slack, or Bursar's own, signed."),
    event: list[EventGroup] = typer.Option(
        [], "--event", "-e", metavar="GROUP", help="caps, waiting, loops, meter; may be repeated. All if left out."
    ),
    private: bool = typer.Option(False, "--private", help="Yes, it lies on this machine's network."),
    own_secret: bool = typer.Option(False, "--own-secret", help="Ask for a signing secret too, in the next line."),
) -> None:
    """Add one: its address is typed unseen, or read from standard input, and kept in the keyring.

    It is told of what happens from now on. A JSON webhook is signed: the secret is shown once, for the receiver.
    """
    from app.keys.vault import KeyringVault
    from app.services.exports.webhook_bodies import new_secret
    from app.services.webhooks import add_webhook

    address = console.read_secret(f"Address of {name}")
    is_made = form is WebhookFormat.JSON and not own_secret
    secret = new_secret() if is_made else console.read_secret("Signing secret") if own_secret else ""
    webhook = Webhook(name, form, "", tuple(dict.fromkeys(event)) or tuple(EventGroup), private)
    added = add_webhook(places.settings_file(), KeyringVault(), webhook, address, secret)
    console.tell(f"{name} at {added.host} is told of {', '.join(added.events)}. Try it: bursar webhooks test {name}")
    if is_made:
        console.tell("Its signing secret, shown only now:")
        console.say(secret)


@app.command("list")
def list_webhooks(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Show where they lead, what they are told of, and what did not arrive. No address is shown."""
    from app.services.exports.status import export_states

    with places.opened_ledger() as ledger:
        states = export_states(ledger, places.read_settings(), datetime.now(UTC)).parts
    told = [(state.webhook, state) for state in states if state.webhook is not None]
    if as_json:
        console.print_json([_as_json(webhook, state) for webhook, state in told])
    elif not told:
        console.say("No webhook yet. Add one with: bursar webhooks add team-slack --format slack")
    else:
        rows = [
            [one.name, one.format, one.host, ", ".join(one.events), state.state, state.trouble] for one, state in told
        ]
        console.print_table(["Name", "Format", "Host", "Told of", "State", "Trouble"], rows)


@app.command("test")
def send_test(name: str = NAME) -> None:
    """Send it a test now. Status 1 when it does not take it."""
    from app.keys.vault import KeyringVault
    from app.services.webhooks import try_webhook, webhook_named

    webhook = webhook_named(places.read_settings().webhooks, name)
    try_webhook(webhook, KeyringVault())
    console.say(f"{webhook.name} took it.")


@app.command("remove")
def remove(name: str = NAME) -> None:
    """Tell it nothing more, and forget its address and secret."""
    from app.keys.vault import KeyringVault
    from app.services.webhooks import remove_webhook

    with places.opened_ledger() as ledger:
        left = remove_webhook(ledger, places.settings_file(), KeyringVault(), name)
    untold = f" {left:,} of its events were not told." if left else ""
    console.say(f"{name} is removed.{untold}")


def _as_json(webhook: Webhook, state: "ExportState") -> dict[str, Any]:
    return {
        "name": webhook.name,
        "format": webhook.format,
        "host": webhook.host,
        "events": list(webhook.events),
        "private": webhook.reaches_private,
        "state": state.state,
        "trouble": state.trouble,
    }
