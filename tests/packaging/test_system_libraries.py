import sys
from pathlib import Path

import pytest

from system_libraries import OFFSCREEN, WAYLAND, X11, Need, advice, install, missing, needs_of_screen, packages_of

NOWHERE = Need("libnowhere-at-all.so.7", "libnowhere7", "nowhere-libs", "nowhere", "libnowhere7")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves libraries to the system")


def fake_command(folder: Path, name: str, script: str = "exit 0") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@LINUX
def test_a_library_that_cannot_be_loaded_is_missing() -> None:
    there = Need("libc.so.6", "libc6", "glibc", "glibc", "glibc")

    assert missing([there, NOWHERE]) == [NOWHERE]


def test_a_command_that_is_not_on_path_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tool = Need("some-daemon", "some", "some", "some", "some")
    assert missing([tool]) == [tool]

    fake_command(tmp_path / "bin", "some-daemon")

    assert missing([tool]) == [] or sys.platform == "win32"


@LINUX
@pytest.mark.parametrize(
    ("display", "wayland", "headless", "needs"),
    [
        ("", "", False, OFFSCREEN),
        (":0", "", False, OFFSCREEN + X11),
        (":0", "wayland-0", False, OFFSCREEN + X11 + WAYLAND),
        (":0", "wayland-0", True, OFFSCREEN),
    ],
)
def test_what_is_needed_follows_the_screen(
    monkeypatch: pytest.MonkeyPatch, display: str, wayland: str, headless: bool, needs: tuple[Need, ...]
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("WAYLAND_DISPLAY", wayland)

    assert needs_of_screen(headless) == needs


@LINUX
def test_without_rights_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_command(tmp_path / "bin", "apt-get", f"touch {tmp_path}/called")
    fake_command(tmp_path / "bin", "sudo", 'shift\n[ "$1" = true ] && exit 1\nexec "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert install([NOWHERE], lambda line: None) == [NOWHERE]
    assert not (tmp_path / "called").exists()


@LINUX
@pytest.mark.parametrize("user", [0, 1000])
def test_apt_is_asked_for_what_is_missing_as_root_or_by_passwordless_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    fake_command(tmp_path / "bin", "apt-get", f'echo "$DEBIAN_FRONTEND $@" >> {tmp_path}/called')
    fake_command(tmp_path / "bin", "sudo", 'shift\nexec "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: user)

    still_absent = install([NOWHERE], lambda line: None)

    assert still_absent == [NOWHERE]
    update, installation = (tmp_path / "called").read_text().splitlines()
    assert update == "noninteractive -qq update"
    assert installation == "noninteractive -qq install --yes --no-install-recommends libnowhere7"


@LINUX
@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("apt-get", "sudo apt-get install --no-install-recommends libnowhere7"),
        ("dnf", "sudo dnf install nowhere-libs"),
        ("pacman", "sudo pacman -S nowhere"),
        ("zypper", "sudo zypper install libnowhere7"),
        ("unknown", "install them with your system's package manager"),
    ],
)
def test_the_advice_is_the_command_of_this_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, command: str
) -> None:
    fake_command(tmp_path / "bin", tool)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert advice([NOWHERE]) == f"missing libnowhere-at-all.so.7: {command}"


def test_a_package_that_brings_two_libraries_is_named_once() -> None:
    assert packages_of([*X11, *X11], "dnf").count("libxcb") == 1
