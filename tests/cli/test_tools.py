import json

import pytest

from app.core.tags import Tags
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_tools_of_a_task
from tests.ledger.tooling import START, book_call, use

TAGS = Tags(project="shop", agent="claude", task="t", session="s", virtual_key_id="k")


@pytest.fixture
def _some_tools(ledger: Ledger) -> None:
    book_tools_of_a_task(ledger, TAGS)
    book_call(ledger, use("exec", "ls", "9"), tags=Tags(project="web", agent="codex", session="c"), at=START)


@pytest.mark.usefixtures("_some_tools")
def test_a_person_reads_which_tools_failed_and_what_that_cost(bursar: Bursar) -> None:
    ran = bursar("tools", "--since", "all")
    rows = [line.split() for line in ran.out.splitlines() if line.strip(" ─")]
    assert rows == [
        ["Tool", "Server", "Calls", "Failed", "Unknown", "Retries", "After", "failures"],
        ["Bash", "3", "2", "0", "2", "$0.20"],
        ["Read", "1", "0", "1", "0", "—"],
        ["exec", "1", "0", "1", "0", "—"],
        ["log", "git", "1", "0", "0", "0", "—"],
        ["All", "6", "2", "2", "2", "$0.20"],
    ]
    assert "Unknown: no result came" in ran.err
    assert "at list price" in ran.err


@pytest.mark.usefixtures("_some_tools")
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (("--project", "web"), ["exec"]),
        (("--agent", "claude"), ["Bash", "Read", "mcp__git__log"]),
        (("--session", "s", "--project", "shop"), ["Bash", "Read", "mcp__git__log"]),
        (("--session", "s", "--project", "web"), []),
    ],
)
def test_a_script_reads_exact_amounts_of_what_it_asks_for(
    bursar: Bursar, asked: tuple[str, ...], names: list[str]
) -> None:
    told = json.loads(bursar("tools", "--since", "all", "--json", *asked).out)
    assert [tool["name"] for tool in told["tools"]] == names
    assert told["tools_total"]["followed_usd"] == ("0.20" if "Bash" in names else "0.00")
    for tool in told["tools"]:
        assert tool["failed_percent"] == {"Bash": 66, "mcp__git__log": 0}.get(tool["name"])


def test_where_no_tool_was_called_it_says_so(bursar: Bursar) -> None:
    ran = bursar("tools")
    assert (ran.status, ran.out) == (0, "No tool was called this week.\n")
