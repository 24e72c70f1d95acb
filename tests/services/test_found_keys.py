import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.core.provider_keys import KeyName
from app.keys.vault import FixedVault
from app.keys.virtual_keys import mint
from app.ledger.engine import open_ledger
from app.ledger.provider_key_store import list_provider_keys
from app.services.found_keys import FoundKey, can_remove, find_keys, move_key, suggested_label
from app.services.provider_keys import KeyRing

GATEWAY = "http://127.0.0.1:8787"
VIRTUAL = pytest.param(mint(), id="virtual")
ANT, OAI, GOO = "sk-ant-api03-" + "a" * 30, "sk-proj-" + "o" * 30, "AIza" + "g" * 35


class LastingVault(FixedVault):
    """Stands for a keyring."""

    is_lasting = True


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[KeyRing]:
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    yield KeyRing(ledger, LastingVault({}), {})
    ledger.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / ".config" / "fish").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "environment.d").mkdir()
    return tmp_path / "home"


def found_in(home: Path, environment: dict[str, str] | None = None) -> list[FoundKey]:
    auth = [("Codex CLI", home / ".codex" / "auth.json")]
    return find_keys(environment or {}, home, auth, GATEWAY)


def test_keys_are_found_where_shells_and_agents_keep_them(home: Path) -> None:
    (home / ".bashrc").write_text(f"alias ll='ls -l'\nexport ANTHROPIC_API_KEY={ANT}\n")
    (home / ".config" / "fish" / "config.fish").write_text(f'set -gx GEMINI_API_KEY "{GOO}"\n')
    (home / ".config" / "environment.d" / "keys.conf").write_text(f"OPENROUTER_API_KEY=sk-or-v1-{'r' * 30}\n")
    (home / ".codex").mkdir()
    (home / ".codex" / "auth.json").write_text(f'{{\n  "OPENAI_API_KEY": "{OAI}"\n}}\n')
    environment = {"ANTHROPIC_API_KEY": ANT, "MISTRAL_API_KEY": "m" * 32, "PATH": "/usr/bin"}
    assert [(key.provider, key.variable, key.owner, key.line) for key in found_in(home, environment)] == [
        ("anthropic", "ANTHROPIC_API_KEY", "", 2),
        ("google", "GEMINI_API_KEY", "", 1),
        ("openrouter", "OPENROUTER_API_KEY", "", 1),
        ("mistral", "MISTRAL_API_KEY", "", 0),
        ("openai", "OPENAI_API_KEY", "Codex CLI", 2),
    ]
    assert ANT not in repr(found_in(home, environment))


def test_the_beginning_of_a_key_tells_its_provider_before_the_name_does(home: Path) -> None:
    environment = {"MY_API_KEY": ANT, "OPENAI_API_KEY": "sk-or-v1-" + "r" * 30, "AZURE_OPENAI_API_KEY": "z" * 32}
    assert {key.variable: key.provider for key in found_in(home, environment)} == {
        "MY_API_KEY": "anthropic", "OPENAI_API_KEY": "openrouter", "AZURE_OPENAI_API_KEY": "azure",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["", "short", "$SECRET_FROM_ELSEWHERE", "sk-ant-oat01-" + "l" * 40, VIRTUAL])
def test_references_logins_and_virtual_keys_are_no_keys_to_move(home: Path, value: str) -> None:
    (home / ".profile").write_text(f"export ANTHROPIC_API_KEY={value}\n# export OPENAI_API_KEY={OAI}\n")
    assert found_in(home, {"ANTHROPIC_AUTH_TOKEN": value}) == []


def test_a_key_is_moved_and_its_line_stays_until_it_is_asked_for(ring: KeyRing, home: Path) -> None:
    profile = home / ".bashrc"
    profile.write_text(f"one\nexport ANTHROPIC_API_KEY={ANT}\ntwo\n")
    [found] = found_in(home)
    moved = move_key(ring, found, {})
    assert ring.vault.get("anthropic") == ANT
    assert [key.name for key in list_provider_keys(ring.ledger)] == [KeyName("anthropic")]
    assert f"delete line 2 of {profile}" in moved.words
    assert ANT in profile.read_text()
    again = move_key(ring, found, {}, removes_line=True)
    assert again.name == KeyName("anthropic")
    assert len(list_provider_keys(ring.ledger)) == 1
    assert profile.read_text() == "one\ntwo\n"
    assert again.backup is not None
    assert ANT in again.backup.read_text()
    assert str(again.backup) in again.words


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_file_keeps_its_rights_its_link_and_its_copy_is_private(ring: KeyRing, home: Path) -> None:
    real = home / "dotfiles-bashrc"
    real.write_bytes(b"caf\xc3\xa9\r\nexport OPENAI_API_KEY='" + OAI.encode() + b"'\r\nend")
    real.chmod(0o644)
    (home / ".bashrc").symlink_to(real)
    [found] = found_in(home)
    moved = move_key(ring, found, {}, removes_line=True)
    assert (home / ".bashrc").is_symlink()
    assert real.read_bytes() == b"caf\xc3\xa9\r\nend"
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert moved.backup is not None
    assert stat.S_IMODE(moved.backup.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("line", "has_own_line"),
    [
        (f"export OPENAI_API_KEY={OAI}", True),
        (f"  OPENAI_API_KEY='{OAI}' # work", True),
        (f'set -gx OPENAI_API_KEY "{OAI}"', True),
        (f"export OPENAI_API_KEY={OAI}; run-me", False),
        (f"[ -t 0 ] && export OPENAI_API_KEY={OAI}", False),
        (f"OPENAI_API_KEY={OAI} my-agent", False),
        (f'"OPENAI_API_KEY": "{OAI}",', False),
    ],
)
def test_only_a_line_of_its_own_is_taken_out(ring: KeyRing, home: Path, line: str, has_own_line: bool) -> None:
    (home / ".bashrc").write_text(f"before\n{line}\nafter\n")
    [found] = found_in(home)
    assert can_remove(found) is has_own_line
    if not has_own_line:
        with pytest.raises(InvalidInput, match="in its file still"):
            move_key(ring, found, {}, removes_line=True)
        assert ring.vault.get("openai") == OAI
        assert (home / ".bashrc").read_text() == f"before\n{line}\nafter\n"


def test_another_key_of_the_provider_is_not_written_over(ring: KeyRing, home: Path) -> None:
    first = FoundKey("openai", "OPENAI_API_KEY")
    move_key(ring, first, {"OPENAI_API_KEY": OAI})
    assert suggested_label(ring, first) == "shell"
    other = {"OPENAI_API_KEY": OAI[::-1]}
    with pytest.raises(InvalidInput, match="another key of that name"):
        move_key(ring, first, other)
    move_key(ring, first, other, label="shell")
    assert [ring.vault.get(entry) for entry in ("openai", "openai/shell")] == [OAI, OAI[::-1]]


def test_a_key_that_is_gone_is_not_moved(ring: KeyRing, home: Path) -> None:
    for found in (FoundKey("openai", "OPENAI_API_KEY"), FoundKey("openai", "OPENAI_API_KEY", "", home / "gone", 3)):
        with pytest.raises(InvalidInput, match="not there any more"):
            move_key(ring, found, {})
    assert list_provider_keys(ring.ledger) == []


@pytest.mark.parametrize("vault", [FixedVault({}), None], ids=["in memory", "a keyring that forgets"])
def test_a_line_is_never_taken_out_for_a_key_that_would_be_lost(
    ring: KeyRing, home: Path, vault: FixedVault | None
) -> None:
    class Forgetful(LastingVault):
        def set(self, entry: str, key: str) -> None:
            """Takes it and keeps nothing."""

    profile = home / ".bashrc"
    profile.write_text(f"export ANTHROPIC_API_KEY={ANT}\n")
    [found] = found_in(home)
    unsafe = replace(ring, vault=vault or Forgetful({}))
    if vault is not None:
        with pytest.raises(InvalidInput, match="Nothing was moved"):
            move_key(unsafe, found, {}, removes_line=True)
    else:
        assert not move_key(unsafe, found, {}, removes_line=True).is_line_gone
    assert ANT in profile.read_text()
