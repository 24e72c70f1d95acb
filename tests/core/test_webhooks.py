import pytest

from app.core.errors import InvalidInput
from app.core.provider_keys import KeyName
from app.core.webhooks import (
    OTLP_HEADERS_ENTRY,
    Webhook,
    WebhookFormat,
    clean_webhook_name,
    is_export_entry,
)


def test_a_webhooks_secrets_are_told_from_providers_keys() -> None:
    webhook = Webhook("team", WebhookFormat.SLACK, "hooks.slack.com")
    assert all(map(is_export_entry, (webhook.address_entry, webhook.secret_entry, OTLP_HEADERS_ENTRY)))
    assert not any(map(is_export_entry, (KeyName("openai").entry, KeyName("openai", "webhook").entry)))


@pytest.mark.parametrize("name", ["a", "team-slack", "A.b_9", "x" * 40])
def test_a_name_is_letters_digits_dots_and_dashes(name: str) -> None:
    assert clean_webhook_name(f" {name} ") == name


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "..", "x" * 41, "ü"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        clean_webhook_name(name)
