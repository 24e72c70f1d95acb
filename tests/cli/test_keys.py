import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import keyring
import keyring.backend
import pytest

from app import paths
from app.core.caps import Action
from app.core.tags import Scope
from app.keys.virtual_keys import looks_like_virtual_key, mint
from app.ledger.cap_store import list_caps
from app.ledger.engine import Ledger
from app.ledger.key_store import list_keys
from app.ledger.provider_key_store import list_provider_keys
from app.services.settings import change_settings
from tests.cli.conftest import Bursar
from tests.services.key_provider import KeyProvider, key_provider

NEW_KEY = "sk-ant-api03-not-a-real-key-9876543210"
PROVIDER_KEY = "sk-ant-api03-not-a-real-key-0123456789"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """The system's keyring for the time of a test."""

    entries: dict[tuple[str, str], str]

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    backend = MemoryKeyring()  # type: ignore[no-untyped-call]
    backend.entries = {}
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    return backend.entries


def test_a_virtual_key_is_shown_once_listed_without_its_secret_and_revoked(bursar: Bursar, ledger: Ledger) -> None:
    issued = bursar("keys", "issue", "codex-laptop", "--project", "web-shop", "--agent", "Codex", "--days", "7")
    token = issued.out.strip()
    assert looks_like_virtual_key(token)
    assert "cannot be shown again" in issued.err
    listed = bursar("keys", "list")
    assert token[:8] in listed.out
    assert token not in listed.out
    assert token not in bursar("keys", "list", "--json").out
    [key] = list_keys(ledger)
    assert (key.name, key.tags.project, key.tags.agent) == ("codex-laptop", "web-shop", "Codex")
    assert key.expires_at is not None
    assert bursar("keys", "revoke", token[:8]).status == 0
    assert list_keys(ledger) == []
    assert [key["name"] for key in json.loads(bursar("keys", "list", "--all", "--json").out)] == ["codex-laptop"]


def test_a_key_is_issued_with_limits_and_a_cap_of_its_own(bursar: Bursar, ledger: Ledger) -> None:
    issued = bursar(
        "keys", "issue", "ci", "--provider", "anthropic", "--provider", "openai",
        "--model", "claude-haiku-*,gpt-5-mini", "--cap", "5", "--per", "week", "--at-limit", "block", "--json",
    )  # fmt: skip
    told = json.loads(issued.out)
    assert (told["providers"], told["models"]) == (["anthropic", "openai"], ["claude-haiku-*", "gpt-5-mini"])
    assert (told["cap"], told["state"]) == ({"limit_usd": "5.00", "window": "week"}, "not used yet")
    [key], [cap] = list_keys(ledger), list_caps(ledger)
    assert (cap.scope, cap.scope_key, cap.action) == (Scope.VIRTUAL_KEY, key.key_id, Action.BLOCK)
    assert key.limits.models == ("claude-haiku-*", "gpt-5-mini")
    assert "anthropic, openai; claude-haiku-*, gpt-5-mini; $5.00 a week" in bursar("keys", "list").out
    bursar("keys", "revoke", "ci")
    assert list_caps(ledger) == []


@pytest.mark.parametrize(
    "wrong", [("--provider", "acme"), ("--per", "session", "--cap", "1"), ("--cap", "0"), ("--cap", "x"),
              ("--model", "two words")],
)  # fmt: skip
def test_a_limit_that_means_nothing_makes_no_key(bursar: Bursar, ledger: Ledger, wrong: tuple[str, ...]) -> None:
    assert bursar("keys", "issue", "ci", *wrong).status in (1, 2)
    assert list_keys(ledger) == []


def test_a_key_is_rotated_with_and_without_a_grace(bursar: Bursar, ledger: Ledger) -> None:
    first = bursar("keys", "issue", "ci", "--project", "p").out.strip()
    told = bursar("keys", "rotate", "ci", "--grace", "10m")
    second = told.out.strip()
    assert looks_like_virtual_key(second)
    assert "The old one is good until" in told.err
    assert first != second
    [key] = list_keys(ledger)
    assert (key.prefix, key.tags.project) == (second[:8], "p")
    assert key.old_until is not None
    assert key.rotated_at is not None
    assert key.old_until - key.rotated_at == timedelta(minutes=10)
    assert "old one until" in bursar("keys", "list").out
    rotated = json.loads(bursar("keys", "rotate", "ci", "--json").out)
    assert looks_like_virtual_key(rotated["key"])
    assert rotated["old_until"] is None
    assert "old one until" not in bursar("keys", "list").out
    assert first not in bursar("keys", "list", "--all", "--json").out


@pytest.mark.parametrize("grace", ["10", "m", "10 m", "-5m", "8d", "0.5h", "10m10m", "9" * 30 + "s"])
def test_a_grace_that_is_none_leaves_the_key_as_it_is(bursar: Bursar, ledger: Ledger, grace: str) -> None:
    bursar("keys", "issue", "ci")
    assert bursar("keys", "rotate", "ci", "--grace", grace).status in (1, 2)
    assert list_keys(ledger)[0].rotated_at is None


def test_a_key_that_has_ended_is_not_rotated(bursar: Bursar) -> None:
    bursar("keys", "issue", "ci")
    bursar("keys", "revoke", "ci")
    assert bursar("keys", "rotate", "ci").status == 1
    assert json.loads(bursar("keys", "list", "--all", "--json").out)[0]["state"] == "revoked"


def test_a_script_gets_the_key_as_json(bursar: Bursar) -> None:
    told = json.loads(bursar("keys", "issue", "ci", "--json").out)
    assert looks_like_virtual_key(told["key"])
    assert told["expires_at"] is None


def test_no_key_and_a_taken_name_are_told(bursar: Bursar) -> None:
    assert bursar("keys", "revoke", "nothing").err.splitlines()[0] == "There is no key"
    bursar("keys", "issue", "one")
    assert bursar("keys", "issue", "one").err.splitlines()[0] == "A key of that name exists"


def test_a_provider_key_goes_from_standard_input_into_the_keyring_only(
    bursar: Bursar, ledger: Ledger, entries: dict[tuple[str, str], str]
) -> None:
    ran = bursar("keys", "provider", "set", "anthropic", stdin=PROVIDER_KEY + "\n")
    assert ran.status == 0
    assert PROVIDER_KEY not in ran.out + ran.err
    assert entries == {("bursar", "anthropic"): PROVIDER_KEY}
    assert [key.name.provider for key in list_provider_keys(ledger)] == ["anthropic"]
    assert "anthropic" in bursar("keys", "provider", "list").out
    assert (
        PROVIDER_KEY.encode() not in ledger.path.read_bytes() + ledger.path.with_name("ledger.sqlite-wal").read_bytes()
    )
    assert bursar("keys", "provider", "remove", "anthropic").status == 0
    assert entries == {}
    assert list_provider_keys(ledger) == []


@pytest.mark.parametrize("text", ["", "\n", "two words\n", "ключ\n", "x" * 5000, "a\x1b[31m\n"])
def test_what_is_not_a_key_is_refused_and_not_repeated(
    bursar: Bursar, entries: dict[tuple[str, str], str], text: str
) -> None:
    ran = bursar("keys", "provider", "set", "openai", stdin=text)
    assert ran.status == 1
    assert entries == {}
    assert not text.strip() or text.strip() not in ran.err


def test_a_virtual_key_is_not_taken_for_a_providers(bursar: Bursar, entries: dict[tuple[str, str], str]) -> None:
    assert bursar("keys", "provider", "set", "openai", stdin=mint()).err.splitlines()[0] == "This is a virtual key"
    assert entries == {}


@pytest.mark.parametrize("provider", ["azure", "aws", "x-ai", "openrouter"])
def test_every_provider_the_meter_reaches_can_have_a_key(
    bursar: Bursar, entries: dict[tuple[str, str], str], provider: str
) -> None:
    assert bursar("keys", "provider", "set", provider, stdin=PROVIDER_KEY + "\n").status == 0
    assert entries[("bursar", provider)] == PROVIDER_KEY


def test_an_unknown_provider_is_a_wrong_command_and_a_key_cannot_be_an_argument(bursar: Bursar) -> None:
    assert bursar("keys", "provider", "set", "acme", stdin=PROVIDER_KEY).status == 2
    assert bursar("keys", "provider", "set", "openai", PROVIDER_KEY).status == 2


@pytest.fixture
def provider(ledger: Ledger) -> Iterator[KeyProvider]:
    """OpenAI and Anthropic, played; they take two keys."""
    with key_provider({PROVIDER_KEY: 200, NEW_KEY: 200}) as played:
        change_settings(paths.settings_path(), upstreams={"openai": played.url, "anthropic": played.url})
        yield played


def test_several_keys_of_a_provider_are_told_apart_and_chosen_between(
    bursar: Bursar, ledger: Ledger, entries: dict[tuple[str, str], str]
) -> None:
    for label in ([], ["--label", "team"], ["--label", "my own"]):
        assert bursar("keys", "provider", "set", "openai", *label, stdin=f"{PROVIDER_KEY}{len(label)}\n").status == 0
    assert {entry for _, entry in entries} == {"openai", "openai/team", "openai/my own"}
    assert bursar("keys", "provider", "use", "openai", "--label", "team").status == 0
    assert bursar("keys", "provider", "use", "openai", "--label", "my own", "--project", "web-shop").status == 0
    listed = json.loads(bursar("keys", "provider", "list", "--json").out)
    assert [(key["label"], key["is_default"], key["projects"]) for key in listed] == [
        ("team", True, []), ("", False, []), ("my own", False, ["web-shop"]),
    ]  # fmt: skip
    assert bursar("keys", "provider", "use", "openai", "--project", "web-shop", "--reset").status == 0
    assert [key.projects for key in list_provider_keys(ledger)] == [(), (), ()]
    assert bursar("keys", "provider", "use", "openai", "--label", "gone").err.splitlines()[0] == "No such key"
    assert bursar("keys", "provider", "remove", "openai", "--label", "team").status == 0
    assert [(key.name.label, key.is_default) for key in list_provider_keys(ledger)] == [("", True), ("my own", False)]


def test_keys_are_tested_and_the_answer_is_kept(
    bursar: Bursar, ledger: Ledger, entries: dict[tuple[str, str], str], provider: KeyProvider
) -> None:
    for name, key in (("openai", PROVIDER_KEY), ("anthropic", "sk-wrong"), ("perplexity", PROVIDER_KEY)):
        bursar("keys", "provider", "set", name, stdin=key)
    ran = bursar("keys", "provider", "test")
    assert ran.status == 1
    assert ran.out.splitlines() == [
        "anthropic: Refused by Anthropic", "openai: Works", "perplexity: Not tested: there is no free way",
    ]  # fmt: skip
    assert bursar("keys", "provider", "test", "openai").status == 0
    listed = bursar("keys", "provider", "list").out
    assert "Refused by Anthropic, 20" in listed
    assert "Works, 20" in listed
    assert PROVIDER_KEY not in ran.out + ran.err + listed
    assert bursar("keys", "provider", "test", "google").err.splitlines()[0] == "No such key"


def test_a_key_is_rotated_once_the_new_one_works(
    bursar: Bursar, entries: dict[tuple[str, str], str], provider: KeyProvider
) -> None:
    bursar("keys", "provider", "set", "openai", stdin=PROVIDER_KEY)
    ran = bursar("keys", "provider", "rotate", "openai", stdin="sk-wrong\n")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "Refused by OpenAI")
    assert entries["bursar", "openai"] == PROVIDER_KEY
    ran = bursar("keys", "provider", "rotate", "openai", stdin=NEW_KEY + "\n")
    assert (ran.status, entries["bursar", "openai"]) == (0, NEW_KEY)
    assert NEW_KEY not in ran.out + ran.err
    assert bursar("keys", "provider", "rotate", "openai", "--untested", stdin="sk-other\n").status == 0
    assert entries["bursar", "openai"] == "sk-other"
    assert bursar("keys", "provider", "rotate", "openai", NEW_KEY).status == 2


def test_a_provider_may_be_named_by_its_host_and_a_foreign_host_is_explained(
    bursar: Bursar, entries: dict[tuple[str, str], str]
) -> None:
    assert bursar("keys", "provider", "set", "api.openai.com", stdin=PROVIDER_KEY).status == 0
    assert entries["bursar", "openai"] == PROVIDER_KEY
    ran = bursar("keys", "provider", "set", "llm.example.com", stdin=PROVIDER_KEY)
    assert ran.status == 2
    assert "upstreams" in ran.err


def test_keys_in_the_clear_are_listed_and_moved_when_that_is_said(
    bursar: Bursar, entries: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "No provider's key" in bursar("keys", "provider", "adopt", "--yes").out
    profile = tmp_path / ".zshrc"
    profile.write_text(f"export ANTHROPIC_API_KEY={PROVIDER_KEY}\n")
    listed = bursar("keys", "provider", "adopt")
    assert (listed.status, listed.err.splitlines()[0]) == (1, "Nothing was moved")
    assert f"ANTHROPIC_API_KEY (anthropic) in {profile}, line 1" in listed.out
    assert entries == {}
    moved = bursar("keys", "provider", "adopt", "--yes", "--remove-lines")
    assert moved.status == 0
    assert entries["bursar", "anthropic"] == PROVIDER_KEY
    assert profile.read_text() == ""
    assert PROVIDER_KEY not in listed.out + listed.err + moved.out + moved.err
