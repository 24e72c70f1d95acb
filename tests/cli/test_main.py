import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.command_table import PLACES, Commands
from app.core.tags import Tags
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call

REPO = Path(__file__).parents[2]
HEAVY = {"sqlalchemy", "sqlmodel", "pydantic", "PySide6", "apscheduler", "keyring", "mcp", "httpx", "asyncio"}
HEAVY |= {"genai_prices", "mitmproxy", "cryptography", "msgspec", "jeepney", "pyqtgraph", "zstandard", "pyarrow"}
HEAVY |= {"opentelemetry", "attr", "markdown_it", "pygments"}


def loaded_by(*arguments: str) -> set[str]:
    """All modules that a command has loaded when it ends."""
    code = f"import sys; sys.argv[1:] = {list(arguments)}\n"
    code += "from app.cli.main import run_command\ntry: run_command()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    return set(done.stderr.splitlines()[-1].split())


def test_help_names_every_command_and_loads_neither_them_nor_a_heavy_library() -> None:
    loaded = loaded_by("--help")
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"rich", "tzlocal", "sqlite3"})
    assert {name for name in loaded if name.startswith("app.cli.")} == {
        "app.cli.command_table",
        "app.cli.console",
        "app.cli.main",
        "app.cli.tray",
    }
    told = subprocess.run([sys.executable, "-m", "app", "--help"], capture_output=True, text=True, check=True, cwd=REPO)
    lines = [line.split() for line in told.stdout.partition("Commands:")[2].splitlines()]
    assert set(PLACES) <= {words[0] for words in lines if words}


def test_spend_needs_neither_the_database_library_nor_the_price_table(home: Path, ledger: Ledger) -> None:
    book_call(ledger, Tags(project="billing-api"), 1_500_000_000)
    for arguments in (["spend"], ["spend", "--by", "session", "--since", "all", "--json"]):
        loaded = loaded_by(*arguments)
        assert "sqlite3" in loaded
        assert not loaded & (HEAVY - {"pydantic"} | {"rich.console"})  # pydantic is Typer's own


@pytest.mark.parametrize("name", PLACES)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(name: str) -> None:
    command = Commands()[name]
    assert command.name == name
    assert " ".join(command.help.partition("\n\n")[0].split()) == PLACES[name].meaning


def test_a_command_below_another_is_told_whole(bursar: Bursar) -> None:
    told = " ".join(bursar("caps", "--help").out.split())
    for command in Commands()["caps"].commands.values():
        assert f" {command.name} {' '.join(command.help.split())}" in told


def test_a_misspelt_command_is_asked_after(bursar: Bursar) -> None:
    assert "Did you mean 'spend'?" in bursar("spnd").err


def test_an_error_is_told_as_title_and_message_with_status_1(bursar: Bursar) -> None:
    ran = bursar("caps", "add", "nothing")
    assert ran.status == 1
    assert ran.err.splitlines() == ["Not an amount", "“nothing” is not an amount above $0. Write it like 2.50."]
    assert ran.out == ""


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["run"], ["run", "--"], ["spend", "--by", "weather"], ["proxy", "--gateway-port", "x"]],
)
def test_a_wrong_command_has_status_2(bursar: Bursar, arguments: list[str]) -> None:
    assert bursar(*arguments).status == 2


def test_damaged_settings_and_a_damaged_ledger_are_told(bursar: Bursar, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "settings.json").write_text("{")
    ran = bursar("spend")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "The settings cannot be read")
    (home / "settings.json").unlink()
    (home / "ledger.sqlite").write_text("this is not a ledger " * 100)
    ran = bursar("spend")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "This file is not a ledger")


def test_a_home_that_cannot_be_made_is_told(bursar: Bursar, home: Path) -> None:
    home.write_text("a file stands here")
    ran = bursar("spend")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "Bursar has no folder to write in")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be without a screen")
@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_without_a_screen_the_tray_says_what_to_do_instead(
    bursar: Bursar, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    ran = bursar(*arguments)
    assert ran.status == 1
    assert "No screen here" in ran.err
    assert "--headless" in ran.err if arguments else "bursar proxy" in ran.err


def test_pause_and_resume_are_kept_in_the_ledger(bursar: Bursar, home: Path) -> None:
    from app.ledger.engine import open_ledger
    from app.ledger.meter_state import is_paused

    assert bursar("pause").status == 0
    opened = open_ledger(home / "ledger.sqlite")
    try:
        assert is_paused(opened)
        assert bursar("resume").status == 0
        assert not is_paused(opened)
    finally:
        opened.close()


def test_output_into_a_closed_pipe_is_no_crash(home: Path) -> None:
    environment = os.environ | {"BURSAR_HOME": str(home)}
    done = subprocess.run(
        [f"{sys.executable} -m app spend --json | head -c 1"],
        shell=True, capture_output=True, text=True, check=True, cwd=REPO, env=environment,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has such modes")
@pytest.mark.parametrize("arguments", [[], ["proxy"], ["spend"], ["run", "true"]])
def test_a_home_that_others_could_open_is_told_with_what_closes_it(
    bursar: Bursar, home: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    home.mkdir()
    home.chmod(0o750)
    ran = bursar(*arguments)
    told = f"{home} has mode 750. Close it with: chmod 700 {home}"
    assert (ran.status, ran.err.splitlines()) == (1, ["Others may open Bursar's files", told])
