import subprocess

import pytest

from app.cli.env import Shell, export_line, removal_line
from app.core.assurance import Assurance
from app.keys.virtual_keys import looks_like_virtual_key
from app.ledger.assurance_store import level_of
from app.ledger.engine import Ledger
from app.ledger.key_store import list_keys
from tests.cli.conftest import Bursar

HOSTILE = 'it\'s $(touch x) `y` "z"\nnext \\ end'


def test_a_shell_that_reads_it_is_connected(bursar: Bursar, ledger: Ledger) -> None:
    ran = bursar("env", "--project", "billing-api", "--agent", "aider", "--name", "my shell")
    assert ran.status == 0
    script = ran.out + 'echo "$OPENAI_BASE_URL $OPENAI_API_KEY"\necho "${ANTHROPIC_AUTH_TOKEN-unset}"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    url, token = first.split()
    assert url == "http://127.0.0.1:8787/openai/v1"
    assert looks_like_virtual_key(token)
    assert second == "unset"
    assert "The meter is not running" in ran.err
    [key] = list_keys(ledger)
    assert (key.name, key.tags.project, key.tags.agent) == ("my shell", "billing-api", "aider")


def test_each_call_makes_a_key_of_its_own(bursar: Bursar, ledger: Ledger) -> None:
    bursar("env")
    bursar("env")
    assert len({key.name for key in list_keys(ledger)}) == 2


@pytest.mark.parametrize("shell", list(Shell))
def test_every_shell_has_its_own_words(bursar: Bursar, shell: Shell) -> None:
    out = bursar("env", "--shell", shell).out
    start = {"sh": "export ", "fish": "set -gx ", "powershell": "$env:", "docker": ""}[shell]
    assert f"{start}OPENAI_BASE_URL" in out


def test_an_agent_elsewhere_is_given_the_address_it_reaches(
    bursar: Bursar, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "only.here")
    ran = bursar("env", "--at", "https://host.docker.internal:8443/", "--shell", "docker")
    given = dict(line.split("=", 1) for line in ran.out.splitlines())
    assert given["ANTHROPIC_BASE_URL"] == "https://host.docker.internal:8443/anthropic"
    assert looks_like_virtual_key(given["ANTHROPIC_API_KEY"])
    assert "only.here" not in ran.out
    [key] = list_keys(ledger)
    assert level_of(ledger, key.key_id) is Assurance.SEPARATED
    assert bursar("env", "--at", "http://10.0.0.1:8443").status == 1


def test_nothing_in_a_value_is_taken_as_a_command() -> None:
    script = export_line(Shell.SH, "X", HOSTILE) + '\nprintf %s "$X"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == HOSTILE
    assert export_line(Shell.FISH, "X", "it's \\") == "set -gx X 'it\\'s \\\\'"
    assert export_line(Shell.POWERSHELL, "X", "it's $x") == "$env:X = 'it''s $x'"


def test_a_variable_that_would_go_first_is_removed() -> None:
    assert removal_line(Shell.SH, "X") == "unset X"
    assert removal_line(Shell.FISH, "X") == "set -e X; or true"
