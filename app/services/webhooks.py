"""A person's webhooks: added, tried and removed. Secrets go into the keyring first, so none is ever known without."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import ExportError, InvalidInput
from app.core.webhooks import Webhook
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.ledger.webhook_outbox import DeliveryState, forget_webhook
from app.services.exports.webhook_bodies import check_secret
from app.services.exports.webhook_delivery import receiver_of
from app.services.exports.webhook_events import trial_event
from app.services.exports.webhook_sending import check_address
from app.services.settings import change_settings, load_settings

MOST = 20


def add_webhook(settings_file: Path, vault: Vault, webhook: Webhook, address: str, secret: str = "") -> Webhook:
    """Keep a webhook, with its address and its signing secret, which is empty where nothing is signed. Returns it with
    its host. Raises InvalidInput, VaultError."""
    known = load_settings(settings_file).webhooks
    if any(one.name.lower() == webhook.name.lower() for one in known):
        fix = f"Choose another name, or first: bursar webhooks remove {webhook.name}"
        raise InvalidInput("A webhook of that name exists", fix)
    if len(known) >= MOST:
        raise InvalidInput("Too many webhooks", f"There can be {MOST}. Remove one first.")
    parts = check_address(address)
    added = replace(webhook, host=(parts.hostname or "") if parts.port is None else f"{parts.hostname}:{parts.port}")
    checked = check_secret(secret) if secret else ""
    vault.set(webhook.address_entry, address.strip())
    if checked:
        vault.set(webhook.secret_entry, checked)
    else:
        vault.delete(webhook.secret_entry)
    change_settings(settings_file, webhooks=(*known, added))
    return added


def remove_webhook(ledger: Ledger, settings_file: Path, vault: Vault, name: str) -> int:
    """Forget a webhook, its secrets too. Returns how many events it was still to be told. Raises InvalidInput,
    VaultError."""
    known = load_settings(settings_file).webhooks
    webhook = webhook_named(known, name)
    change_settings(settings_file, webhooks=tuple(one for one in known if one != webhook))
    vault.delete(webhook.address_entry)
    vault.delete(webhook.secret_entry)
    return forget_webhook(ledger, webhook.name)


def try_webhook(webhook: Webhook, vault: Vault) -> None:
    """Send it a test. Raises ExportError when it did not take it, VaultError."""
    verdict = receiver_of(webhook, vault).send(trial_event(webhook.name, datetime.now(UTC)))
    if verdict.outcome is not DeliveryState.DELIVERED:
        raise ExportError(f"{webhook.name} did not take it", verdict.trouble)


def webhook_named(known: tuple[Webhook, ...], name: str) -> Webhook:
    """The one of that name. Raises InvalidInput."""
    for webhook in known:
        if webhook.name.lower() == name.strip().lower():
            return webhook
    raise InvalidInput("No such webhook", "See: bursar webhooks list")
