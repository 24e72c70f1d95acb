"""What webhooks are told of, brought about in a ledger as the meter would."""

from datetime import UTC, datetime, timedelta

from app.core.caps import Action
from app.core.loops import Finding, LoopKind, LoopLevel
from app.core.tags import Tags
from app.core.webhooks import Webhook, WebhookFormat
from app.keys.vault import FixedVault
from app.ledger.approval_store import ask
from app.ledger.engine import Ledger
from app.ledger.loop_store import note_loop
from tests.ledger.bookkeeping import make_draft, reserve, set_cap, spend_money

DOLLAR = 1_000_000_000
TEAM = Webhook("team", WebhookFormat.JSON, "127.0.0.1")
SECRET = "whsec_" + "c2lnbmluZy1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGU="


def vault_for(url: str, *webhooks: Webhook) -> FixedVault:
    """The secrets of webhooks at one address."""
    entries: dict[str, str] = {}
    for webhook in webhooks or (TEAM,):
        entries |= {webhook.address_entry: url, webhook.secret_entry: SECRET}
    return FixedVault(entries)


def reach_80_percent(ledger: Ledger) -> None:
    """A cap of $10, and $8.50 spent of it."""
    set_cap(ledger, 10 * DOLLAR, action=Action.PAUSE)
    spend_money(ledger, 8_500_000_000, project="billing-api", agent="Claude Code")


def put_question(ledger: Ledger, task: str = "", virtual_key_id: str = "") -> str:
    """A call that waits for a person."""
    tags = Tags(project="billing-api", agent="Claude Code", task=task, virtual_key_id=virtual_key_id)
    draft = make_draft(5 * DOLLAR, tags=tags)
    obstacle = reserve(ledger, draft).obstacles[0]
    with ledger.write() as connection:
        return ask(connection, draft, obstacle, "meter", draft.at + timedelta(minutes=10))


def go_round(ledger: Ledger, at: datetime | None = None) -> None:
    """An agent that repeats itself."""
    finding = Finding(LoopKind.FAILING, LoopLevel.ALERT, 5, "m", ("Bash",), 1_900_000_000)
    tags = Tags(agent="Codex", project="web", session="s", virtual_key_id="k")
    with ledger.write() as connection:
        note_loop(connection, finding, tags, "", "call-1", at or datetime.now(UTC))
