import subprocess
import sys
from pathlib import Path

import pytest

from app.services.settings import Theme
from screenshots import ALL, README, read_options, wish_of

PROGRAM = Path(__file__).parents[2] / "packaging" / "screenshots.py"
DRAWING_S = 900


def draw(folder: Path, *options: str) -> dict[str, bytes]:
    command = [sys.executable, str(PROGRAM), str(folder), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=DRAWING_S)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--darkly"], "unrecognized arguments: --darkly"),
        (["-x", "shots"], "unrecognized arguments: -x"),
        ([__file__], "is no folder"),
        (["shots", "--only", "overveiw"], "no picture is called “overveiw”"),
        (["shots", "--size", "big"], "is no size such as 1024x700"),
        (["shots", "--size", "0x700"], "is no size such as 1024x700"),
        (["shots", "--scale", "3"], "invalid choice"),
        (["shots", "--theme", "grey"], "invalid choice"),
        (["shots", "--ledger", "full"], "invalid choice"),
        (["--size", "1024x700"], "name a folder as well"),
    ],
)
def test_an_option_that_is_wrong_is_told(given: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(given)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_without_a_folder_the_readmes_pictures_are_drawn() -> None:
    wish = wish_of(read_options([]))
    assert (wish.is_readme, wish.scale, wish.kinds) == (True, 2, ("normal",))
    assert wish.file("caps", "normal", Theme.DARK, (1120, 740)).name == "caps-dark.png"
    names = {name for scene in ALL for name in scene.names}
    assert set(README) <= names
    told = PROGRAM.parents[1].joinpath("README.md").read_text("utf-8")
    pictures = {Path(part.partition(")")[0]).name for part in told.split("](resources/screenshots/")[1:]}
    drawn = {wish.file(name, "normal", theme, None).name for name in README for theme in wish.themes}
    assert pictures - {"tray-panel.png"} <= drawn


def test_a_picture_is_drawn_by_its_name(tmp_path: Path) -> None:
    names, look = ("--only", "popover", "--only", "caps"), ("--theme", "dark", "--scale", "1", "--size", "1024x700")
    drawn = draw(tmp_path, *names, *look, "--ledger", "empty")
    assert sorted(drawn) == ["caps-empty-dark-1024x700@1x.png", "popover-empty-dark@1x.png"]


@pytest.mark.slow
@pytest.mark.timeout(2 * DRAWING_S)
def test_everything_is_drawn_and_the_same_each_time(tmp_path: Path) -> None:
    first, second = (draw(tmp_path / name, "--scale", "1", "--theme", "light") for name in ("first", "second"))
    assert len(first) > 150
    assert first.keys() == second.keys()
    assert [name for name, picture in first.items() if second[name] != picture] == []
