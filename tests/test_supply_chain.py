"""What Bursar is made of: nothing known to be bad, nothing that runs by being installed, data that stays data.

`KNOWN` holds the advisories that were looked up by its date, so it catches a lock that goes back and nothing newer. For
what became known since, a scanner needs a connection: `pip-audit --require-hashes -r packaging/requirements.lock`.
"""

import ast
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from tests.test_house import LOCKS, ROOT, modules, pins, tree_of

AS_OF = "2026-11-22"
KNOWN = {
    "brotli": ("1.2.0", "CVE-2025-6176, a small answer that unfolds without end"),
    "certifi": ("2024.7.4", "CVE-2024-39689"),
    "cryptography": ("46.0.6", "CVE-2026-34073"),
    "h11": ("0.16.0", "CVE-2025-43859, requests smuggled in chunks"),
    "h2": ("4.3.0", "CVE-2025-57804"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "mcp": ("1.23.0", "CVE-2025-66416, DNS rebinding"),
    "mitmproxy": ("11.1.2", "CVE-2025-23217, private addresses reached through the proxy"),
    "starlette": ("0.49.1", "CVE-2025-62727"),
    "tornado": ("6.5", "CVE-2025-47287"),
    "urllib3": ("2.6.0", "CVE-2025-66418"),
    "werkzeug": ("3.0.6", "CVE-2024-49767"),
}
"""Package -> the first version without what is named."""
BORNE = {
    "cryptography": "CVE-2026-69248: its own verifier believes a wildcard outside name constraints. Nothing here uses "
    "that verifier (TLS is OpenSSL's), which the test below sees to; mitmproxy holds back a newer release.",
}
"""Advisories that stand, each with the reason."""


@pytest.mark.parametrize("lock", LOCKS)
def test_no_pin_is_older_than_what_mended_it(lock: str) -> None:
    locked = pins(lock)
    known = {name: entry for name, entry in KNOWN.items() if name in locked}
    assert len(known) >= 10
    old = {name: entry for name, entry in known.items() if min(map(Version, locked[name])) < Version(entry[0])}
    assert old == {}


def test_the_list_names_only_what_is_locked() -> None:
    assert {*KNOWN, *BORNE} - pins("requirements-dev.lock").keys() == set()


def test_the_verifier_with_the_known_fault_is_not_used() -> None:
    for module in modules():
        assert "x509.verification" not in (ROOT / module).read_text("utf-8"), module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [str(Path(sys.executable).with_name("hatchling")), "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return folder


def test_what_is_shipped_runs_nothing_by_being_installed(built: Path) -> None:
    [wheel], [source] = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as packed, tarfile.open(source) as archive:
        names = [*packed.namelist(), *archive.getnames()]
    assert any(name.endswith("app/paths.py") for name in names)
    bad = [name for name in names if name.endswith((".pth", ".so", ".pyd", ".exe", "sitecustomize.py", ".env", ".pem"))]
    assert bad == []
    assert not [
        name
        for name in names
        if Path(name).name in ("usercustomize.py", "setup.py", "conftest.py") and "tests" not in name
    ]


_RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
_UNPACKS_CODE = {"pickle", "marshal", "shelve", "dill"}
_BETWEEN_OUR_OWN = ("proxy_addon/packets.py",)
"""The meter's two processes talk over a socket pair that nobody else has an end of."""


@pytest.mark.parametrize("module", modules())
def test_data_is_never_run(module: str) -> None:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in _RUNS_TEXT, f"{module}:{node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom) and module not in _BETWEEN_OUR_OWN:
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not {name.partition(".")[0] for name in names} & _UNPACKS_CODE, f"{module}:{node.lineno}"


def test_shells_are_not_asked() -> None:
    for module in modules():
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant), module
                assert node.value.value is False, module
