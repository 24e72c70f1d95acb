"""Make the three locks: what Bursar runs on, that plus what its tests need, and that plus what builds its installers.

Needs `uv` (on PATH, or named by the variable UV). The locks are universal (one file for Linux, macOS and Windows,
Python 3.12 and later), carry hashes and hold no address of any index, so they install from whichever index the
user's pip is set to.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
LOWEST_PYTHON = "3.12"
RUNTIME, DEV, SHIP = (HERE / f"requirements{kind}.lock" for kind in ("", "-dev", "-ship"))


def group_requirements(*groups: str) -> str:
    """The requirements of these dependency groups, one a line.

    Read here, because uv reads no groups of a project it does not manage.
    """
    listed = tomllib.loads(PROJECT.read_text("utf-8"))["dependency-groups"]
    return "\n".join(requirement for group in groups for requirement in listed[group])


def write_lock(uv: str, lock: Path, extra: str, options: list[str]) -> None:
    """Resolve pyproject.toml and the extra requirements into one lock file.

    Raises CalledProcessError when uv finds no set of versions; uv has said why by then.
    """
    command = [uv, "pip", "compile", str(PROJECT), "-", "--output-file", str(lock), "--quiet"]
    command += ["--universal", "--python-version", LOWEST_PYTHON, "--python", sys.executable, "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]
    subprocess.run(command + options, input=extra, text=True, check=True)


def main(options: list[str]) -> int:
    """Write the locks; without options the present pins are kept.

    Options are uv's: `--upgrade`, or `--upgrade-package NAME`.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        print("lock: uv was not found. Install it (pip install uv) or name it in the variable UV.", file=sys.stderr)
        return 1
    write_lock(uv, RUNTIME, group_requirements("build"), options)
    write_lock(uv, DEV, group_requirements("build", "dev"), options)
    write_lock(uv, SHIP, group_requirements("build", "ship"), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
