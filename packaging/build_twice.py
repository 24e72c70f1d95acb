"""Whether the same commit gives the same bytes: `python3 packaging/build_twice.py [deb] [wheel] [sbom]`.

Each is built twice from the beginning, by build.py, and both hashes are printed; of the one-folder program the files
that differ are named. Returns 1 where two differ. Standard library only.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = Path(__file__).resolve().parent / "build.py"
PRODUCTS = ("deb", "wheel", "sbom")
SHOWN = 20


def main(products: list[str]) -> int:
    """Build, compare, tell."""
    same = [is_same(product) for product in products or PRODUCTS]
    return 0 if all(same) else 1


def is_same(product: str) -> bool:
    """Whether two builds of it are equal to the byte."""
    with tempfile.TemporaryDirectory(prefix="bursar-twice-") as folder:
        built = [build(product, Path(folder, number)) for number in ("first", "second")]
        sums = [digest(file) for file in built]
        for number, file in enumerate(built):
            print("%s  %s" % (sums[number], file.name), flush=True)
        folders = [file.parent / "bursar" for file in built]
        if all(place.is_dir() for place in folders):
            differ = [name for name in names_in(*folders) if not is_equal(*(place / name for place in folders))]
            print("files of the program that differ: %s" % (differ[:SHOWN] or "none"))
        print("%s: %s" % (product, "the same bytes" if sums[0] == sums[1] else "NOT the same"), flush=True)
        return sums[0] == sums[1]


def build(product: str, into: Path) -> Path:
    """One build of it."""
    done = subprocess.run(
        [sys.executable, str(BUILD), product, "--into", str(into)], stdout=subprocess.PIPE, check=True
    )
    return Path(done.stdout.decode().splitlines()[-1])


def names_in(*folders: Path) -> list[str]:
    """Every file of any of them."""
    return sorted({str(file.relative_to(top)) for top in folders for file in top.rglob("*") if file.is_file()})


def is_equal(one: Path, other: Path) -> bool:
    """Whether both are there and hold the same."""
    return one.exists() and other.exists() and digest(one) == digest(other)


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
