"""Building by the book: the same time for the same commit, a wheel that is the same twice and runs where it is put,
and a package whose description fits what is in it."""

import configparser
import gzip
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import build
import deb
import smoke
import system_libraries
import trim
from tests.test_house import ROOT

STEADY = {"SOURCE_DATE_EPOCH": "1760000000", "PYTHONHASHSEED": "0"}


def wheel_in(folder: Path) -> Path:
    tool = str(Path(sys.executable).with_name("hatchling"))
    subprocess.run(
        [tool, "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, env=os.environ | STEADY, capture_output=True,
        check=True, timeout=100,
    )  # fmt: skip
    [wheel] = folder.glob("*.whl")
    return wheel


def test_a_wheel_is_the_same_twice_and_has_all_it_needs(tmp_path: Path) -> None:
    first, second = wheel_in(tmp_path / "1"), wheel_in(tmp_path / "2")
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    with zipfile.ZipFile(first) as packed:
        names = set(packed.namelist())
    for name in ("prices/table.json", "demo/agents.json", "release/release.json"):
        assert f"app/_resources/{name}" in names
    assert "proxy_addon/__main__.py" in names
    assert not [name for name in names if name.startswith(("tests/", "packaging/"))]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_runs_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """As `uv tool install` and `pipx` put it there. Needs an index of packages."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "own")], check=True)
    pip = [str(tmp_path / "own" / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "packaging" / "requirements.lock")], check=True)
    subprocess.run([*pip, str(wheel_in(tmp_path))], check=True)
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given |= {"BURSAR_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    bursar = str(tmp_path / "own" / "bin" / "bursar")
    try:
        tried = [sys.executable, str(ROOT / "packaging" / "smoke.py"), bursar]
        subprocess.run(tried, cwd=tmp_path, env=given, check=True)
    finally:  # the meter outlives the tray
        subprocess.run([bursar, "uninstall", "--yes"], cwd=tmp_path, env=given, check=True)


def test_the_time_is_that_of_the_commit_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    told = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode == 0:
        assert build.steady_variables(ROOT)["SOURCE_DATE_EPOCH"] == told.stdout.strip()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "42")
    assert build.steady_variables(ROOT)["SOURCE_DATE_EPOCH"] == "42"


def test_outside_a_checkout_the_time_must_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(build.CannotBuild, match="SOURCE_DATE_EPOCH"):
        build.steady_variables(tmp_path)


def test_a_package_depends_on_every_library_that_is_left_to_the_system(tmp_path: Path) -> None:
    needs = {need.name: need.apt for need in (*system_libraries.OFFSCREEN, *system_libraries.X11)}
    for name, package in needs.items():
        if trim.OF_THE_SYSTEM.fullmatch(name):
            assert package in (*deb.DEPENDS, *needs.values()), name
    assert len({*deb.DEPENDS}) == len(deb.DEPENDS)


def test_what_is_packed_tells_no_time() -> None:
    assert deb.packed(b"words") == deb.packed(b"words")
    assert gzip.decompress(deb.packed(b"words")) == b"words"


def test_the_desktop_entry_is_one() -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(ROOT / "packaging" / "bursar.desktop")
    [section] = entry.sections()
    assert section == "Desktop Entry"
    told = dict(entry[section])
    assert (told["Type"], told["Exec"], told["TryExec"], told["Icon"]) == ("Application", "bursar", "bursar", "bursar")
    assert told["Categories"].endswith(";")


def test_the_smoke_test_says_what_does_not_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "bursar"
    broken.write_text("#!/bin/sh\necho bursar 0.0.0\n")
    broken.chmod(0o755)
    assert smoke.main([str(broken)]) == 1
    assert "version: 'bursar " in capsys.readouterr().out


def test_scripts_for_the_other_systems_are_well_formed() -> None:
    subprocess.run(["sh", "-n", str(ROOT / "packaging" / "macos.sh")], check=True)
    sections = [
        line for line in (ROOT / "packaging" / "windows.iss").read_text("utf-8").splitlines() if line[:1] == "["
    ]
    assert {"[Setup]", "[Files]", "[UninstallRun]"} <= {*sections}
    for told in ("packaging/build.py", "packaging/smoke.py", "packaging/try_deb.py", "packaging/feed.py"):
        assert told in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
        assert (ROOT / told).exists()
