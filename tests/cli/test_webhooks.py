import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.webhooks import OTLP_HEADERS_ENTRY, Webhook, WebhookFormat
from app.keys.vault import FixedVault
from app.ledger.engine import Ledger
from app.ledger.webhook_outbox import places_of, put_events, webhook_counts
from app.services.exports.webhook_bodies import signed_headers
from app.services.exports.webhook_events import trial_event
from app.services.settings import load_settings
from tests.cli.conftest import Bursar
from tests.end2end.meter_process import wait_until
from tests.services.exports.happenings import SECRET, go_round
from tests.services.exports.receiver import Receiver, played_receiver

SLACK = "https://hooks.slack.com/services/T0/B0/SECRET-PART"


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> FixedVault:
    made = FixedVault({})
    monkeypatch.setattr("app.keys.vault.KeyringVault", lambda: made)
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with played_receiver() as playing:
        yield playing


def webhooks(home: Path) -> tuple[Webhook, ...]:
    return load_settings(home / "settings.json").webhooks


def test_an_address_goes_from_standard_input_into_the_keyring_only(
    bursar: Bursar, vault: FixedVault, home: Path, ledger: Ledger
) -> None:
    ran = bursar("webhooks", "add", "team-slack", "--format", "slack", "--event", "waiting", stdin=f"{SLACK}\n")
    assert (ran.status, ran.out) == (0, "")
    assert "hooks.slack.com is told of waiting" in ran.err
    assert vault.get("webhook/team-slack/address") == SLACK
    assert not vault.get("webhook/team-slack/secret")
    listed = bursar("webhooks", "list").out + bursar("webhooks", "list", "--json").out + bursar("export", "status").out
    assert "hooks.slack.com" in listed
    told = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file()) + listed.encode()
    assert b"SECRET-PART" not in told
    assert b"services/T0" not in told


def test_a_json_webhook_is_given_a_secret_that_is_shown_once(
    bursar: Bursar, vault: FixedVault, home: Path, receiver: Receiver
) -> None:
    secret = bursar("webhooks", "add", "oncall", stdin=receiver.url).out.strip()
    assert secret.startswith("whsec_")
    assert vault.get("webhook/oncall/secret") == secret
    assert secret not in bursar("webhooks", "list", "--json").out + (home / "settings.json").read_text()
    assert bursar("webhooks", "test", "oncall").out == "oncall took it.\n"
    [posted] = receiver.posted
    assert posted.told["type"] == "test"
    at_s = int(posted.headers["webhook-timestamp"])
    assert (
        signed_headers(posted.told["id"], posted.body, secret, at_s)["webhook-signature"]
        == (posted.headers["webhook-signature"])
    )


def test_a_secret_of_ones_own_is_asked_for_after_the_address(
    bursar: Bursar, vault: FixedVault, receiver: Receiver
) -> None:
    ran = bursar("webhooks", "add", "oncall", "--own-secret", stdin=f"{receiver.url}\n{SECRET}\n")
    assert (ran.status, ran.out, vault.get("webhook/oncall/secret")) == (0, "", SECRET)
    ran = bursar("webhooks", "add", "other", "--own-secret", stdin=f"{receiver.url}\nshort\n")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "Not a signing secret")
    assert vault.get("webhook/other/address") is None


def test_a_webhook_that_does_not_take_it_is_told(bursar: Bursar, vault: FixedVault, receiver: Receiver) -> None:
    bursar("webhooks", "add", "oncall", stdin=receiver.url)
    receiver.answers = [(404, {})]
    ran = bursar("webhooks", "test", "oncall")
    assert (ran.status, ran.err) == (1, "oncall did not take it\nThe receiver answered with status 404.\n")


def test_removing_forgets_the_secrets_and_what_was_still_to_be_told(
    bursar: Bursar, vault: FixedVault, home: Path, ledger: Ledger
) -> None:
    bursar("webhooks", "add", "oncall", stdin=SLACK)
    now = datetime.now(UTC)
    put_events(ledger, "oncall", [trial_event("oncall", now)], {"looked": 1}, now, known=False)
    assert bursar("webhooks", "remove", "ONCALL").out == "ONCALL is removed. 1 of its events were not told.\n"
    assert webhooks(home) == ()
    assert (vault.get("webhook/oncall/address"), vault.get("webhook/oncall/secret")) == (None, None)
    assert (webhook_counts(ledger), places_of(ledger, "oncall")) == ({}, {})
    assert bursar("webhooks", "remove", "oncall").err.splitlines()[0] == "No such webhook"


@pytest.mark.parametrize(
    ("arguments", "stdin", "title"),
    [
        (("two words",), SLACK, "Not a webhook's name"),
        (("../x",), SLACK, "Not a webhook's name"),
        (("one",), "http://example.com/SECRET-PART", "Not a safe address"),
        (("one",), "SECRET-PART", "Not a webhook's address"),
        (("taken",), SLACK, "A webhook of that name exists"),
        (("Taken",), SLACK, "A webhook of that name exists"),
    ],
)
def test_what_cannot_be_a_webhook_is_told_and_nothing_is_kept(
    bursar: Bursar, vault: FixedVault, home: Path, arguments: tuple[str, ...], stdin: str, title: str
) -> None:
    bursar("webhooks", "add", "taken", stdin="https://example.com/x")
    ran = bursar("webhooks", "add", *arguments, stdin=stdin)
    assert (ran.status, ran.err.splitlines()[0]) == (1, title)
    assert "SECRET-PART" not in ran.err
    assert [one.name for one in webhooks(home)] == ["taken"]
    assert vault.get("webhook/taken/address") == "https://example.com/x"
    assert vault.get("webhook/one/address") is None


def test_what_is_exported_is_set_and_told(bursar: Bursar, vault: FixedVault, home: Path) -> None:
    assert "Nothing is exported by itself" in bursar("export", "status").out
    ran = bursar(
        "export", "set", "--prometheus", "9464", "--otlp", "https://collector.example", "--otlp-headers",
        stdin="x-api-key=SECRET-PART\n",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert "SECRET-PART" not in ran.out + (home / "settings.json").read_text()
    assert vault.get(OTLP_HEADERS_ENTRY) == "x-api-key=SECRET-PART"
    settings = load_settings(home / "settings.json")
    assert (settings.prometheus_port, settings.otlp_endpoint) == (9464, "https://collector.example")
    told = bursar("export", "status", "--json")
    assert told.status == 1
    assert [one["state"] for one in json.loads(told.out)["exports"]] == ["Not running", "Not running"]
    found = bursar("doctor", "--json").out
    assert "Exports do not run" in found
    assert bursar("export", "set", "--otlp-headers", stdin="\n").status == 0
    assert vault.get(OTLP_HEADERS_ENTRY) is None
    assert bursar("export", "set", "--prometheus", "0", "--otlp", "").status == 0
    assert "Nothing is exported by itself" in bursar("export", "status").out


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [((), ""), (("--otlp", "collector:4318"), ""), (("--otlp", "http://c.example", "--otlp-headers"), "a=b")],
)
def test_what_cannot_be_exported_is_told(
    bursar: Bursar, vault: FixedVault, arguments: tuple[str, ...], stdin: str
) -> None:
    assert bursar("export", "set", *arguments, stdin=stdin).status == 1
    assert vault.get(OTLP_HEADERS_ENTRY) is None


def test_events_that_never_arrived_are_the_doctors_business(
    bursar: Bursar, vault: FixedVault, home: Path, receiver: Receiver, ledger: Ledger
) -> None:
    from app.services.exports.webhook_delivery import collect, send_due

    bursar("webhooks", "add", "oncall", stdin=receiver.url)
    now = datetime.now(UTC)
    [webhook] = webhooks(home)
    collect(ledger, webhook, now)
    go_round(ledger)
    collect(ledger, webhook, now)
    receiver.answers = [(410, {})]
    send_due(ledger, webhook, vault, now)
    assert "1 never arrived" in bursar("webhooks", "list").out
    listed = json.loads(bursar("webhooks", "list", "--json").out)
    assert listed[0]["trouble"] == "The receiver answered with status 410."


def test_a_process_without_a_screen_exports_until_it_is_stopped_and_writes_no_secret_down(
    home: Path, ledger: Ledger, receiver: Receiver
) -> None:
    webhook = Webhook("oncall", WebhookFormat.JSON, "127.0.0.1")
    (home / "settings.json").write_text(json.dumps({"webhooks": [{"name": "oncall", "format": "json"}]}))
    (home / "settings.json").chmod(0o600)
    command = [sys.executable, "-m", "app", "export", "run", "--keys-from-stdin"]
    entries = {webhook.address_entry: receiver.url, webhook.secret_entry: SECRET}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(entries) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "Exports run here. Stop with Ctrl+C.\n"
        wait_until(lambda: places_of(ledger, "oncall"), "the first look", 60)
        receiver.answers = [(500, {})]
        go_round(ledger)
        wait_until(lambda: len(receiver.posted) == 2, "the loop, twice", 60)
        arguments = Path(f"/proc/{process.pid}/cmdline")
        if arguments.exists():
            assert b"SECRET-PART" not in arguments.read_bytes()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    written = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert b"SECRET-PART" not in written
    assert SECRET.encode() not in written
