"""What goes into an installer's Bursar, and how its one program becomes each of its processes."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest

import frozen_content
import frozen_entry
import sbom
import trim
from app.services import own_command
from app.services.own_command import AUDIT, METER, part_command
from tests.test_house import ROOT, pins


@pytest.fixture
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/bursar/bursar")


def test_from_a_checkout_a_part_is_a_module_of_this_python() -> None:
    assert part_command(METER) == [sys.executable, "-P", "-m", "proxy_addon"]


@pytest.mark.usefixtures("_frozen")
def test_a_frozen_bursar_starts_itself_for_its_parts() -> None:
    assert part_command(METER) == ["/opt/bursar/bursar", "_part", "proxy_addon"]


@pytest.mark.parametrize("part", [METER, AUDIT])
def test_the_entry_becomes_the_part_that_is_named(part: str) -> None:
    entry = [sys.executable, str(ROOT / "packaging" / "frozen_entry.py"), own_command.PART, part, "--help"]
    done = subprocess.run(
        entry, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.startswith(f"usage: python -m {part} ")


def test_the_entry_runs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bursar", "_part", "http.server", "8000"])
    with pytest.raises(SystemExit, match="no part"):
        frozen_entry.main()


def test_agents_get_the_persons_own_loader_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/bursar/_internal")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/home/you/lib")
    monkeypatch.setenv("DYLD_LIBRARY_PATH", "/opt/bursar/_internal")
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "/opt/bursar/bursar")
    frozen_entry.restore_variables()
    assert os.environ["LD_LIBRARY_PATH"] == "/home/you/lib"
    assert not {"LD_LIBRARY_PATH_ORIG", "DYLD_LIBRARY_PATH", "_PYI_ARCHIVE_FILE"} & {*os.environ}


def test_nothing_of_the_building_machine_goes_in() -> None:
    entries = [
        (f"bursar-1.dist-info/{name}", "", "DATA") for name in ("METADATA", "direct_url.json", "RECORD", "INSTALLER")
    ]
    assert [entry[0] for entry in frozen_content.kept(entries)] == ["bursar-1.dist-info/METADATA"]
    assert frozen_content.kept([("PySide6\\Qt\\translations\\qt_de.qm", "", "DATA")]) == []


def test_the_data_is_put_where_it_is_looked_for(tmp_path: Path) -> None:
    placed = {target for _, target in frozen_content.resources(ROOT)}
    assert placed == {f"app/_resources/{name}" for name in ("demo", "prices", "release")}
    assert all(Path(source).is_dir() for source, _ in frozen_content.resources(ROOT))


def test_libraries_of_the_system_are_left_to_it() -> None:
    for name in ("libstdc++.so.6", "libX11.so.6", "libgio-2.0.so.0", "libwayland-client.so.0"):
        assert trim.OF_THE_SYSTEM.fullmatch(name), name
    for name in ("libpython3.13.so.1.0", "libsqlite3.so.0", "libxcb-cursor.so.0", "libQt6Core.so.6"):
        assert not trim.OF_THE_SYSTEM.fullmatch(name), name


def test_the_version_stands_in_one_place() -> None:
    stated = frozen_content.version(ROOT)
    assert installed_version("bursar") == stated
    named = [path for path in (ROOT / "packaging").iterdir() if path.suffix in (".py", ".sh", ".iss", ".spec")]
    for path in (*named, ROOT / "app" / "__init__.py"):
        assert f'"{stated}"' not in path.read_text("utf-8"), path


def test_the_bill_of_materials_names_every_pin_and_is_the_same_each_time() -> None:
    lock = (ROOT / "packaging" / "requirements.lock").read_text("utf-8")
    at = datetime(2026, 11, 22, tzinfo=UTC)
    told = sbom.bill(lock, "bursar", "1.2.3", at)
    found = {(one["name"], one["version"]) for one in told["components"]}
    assert found == {(name, version) for name, versions in pins("requirements.lock").items() for version in versions}
    assert told == sbom.bill(lock, "bursar", "1.2.3", at)
    assert told["serialNumber"] != sbom.bill(lock, "bursar", "1.2.4", at)["serialNumber"]
    licensed = [one for one in told["components"] if "licenses" in one]
    assert len(licensed) > len(told["components"]) * 0.8
    refs = {one["bom-ref"] for one in told["components"]}
    assert {*told["dependencies"][0]["dependsOn"]} == refs
    assert len(refs) == len(told["components"])
