"""Try the Debian package on a clean system: `python3 packaging/try_deb.py PACKAGE.deb`, as root.

A fresh root with nothing but Debian's base is made by debootstrap, from the mirror and for the release of this machine.
The package is installed there with what it depends on, smoke.py is run, the tray is started under Xvfb with a panel to
sit in, `bursar uninstall` and the package's removal follow, and what is left is held against what they say.
`--keep FOLDER` uses that root again and leaves it. Needs debootstrap, Xvfb and xdotool on this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
SOURCES = Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d")
DISPLAY = ":87"
PERSON = "ann"
HOME = f"/home/{PERSON}"  # inside the root only
WINDOW_LIMIT_S = 90
SETTLED_S = 3
NOT_OURS = re.compile(
    r"var/(?:lib|cache|log)/|etc/ld\.so\.cache|run/|tmp/|usr/share/(?:info|mime|applications)/\w*cache"
)
"""Places in which the system itself keeps count."""


def main(arguments: list[str]) -> int:
    """Try it; returns 1 when something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args(arguments)
    root = given.keep or Path(tempfile.mkdtemp(prefix="bursar-root-"))
    try:
        if not (root / "etc/debian_version").exists():
            make_root(root)
        with mounted(root):
            return try_package(root, given.package)
    finally:
        if given.keep is None:
            shutil.rmtree(root, ignore_errors=True)


def make_root(root: Path) -> None:
    """A minimal system, and a person in it."""
    release = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text("utf-8"))
    assert release
    say("making a clean %s" % release[1])
    run(["debootstrap", "--variant=minbase", release[1], str(root), mirror()])
    root.chmod(0o755)  # a temporary folder is its owner's alone, and this one is also the person's "/"
    inside(root, "useradd", "--create-home", PERSON)


def mirror() -> str:
    """The first mirror that this machine's own sources name."""
    files = [SOURCES[0], *sorted(SOURCES[1].glob("*"))] if SOURCES[1].is_dir() else [SOURCES[0]]
    for file in files:
        text = file.read_text("utf-8") if file.is_file() else ""
        named = re.search(r"^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+/(?:debian|ubuntu))/?\s", text, re.MULTILINE)
        if named:
            return named[1]
    raise SystemExit("try_deb: no Debian mirror is named in this machine's sources")


@contextlib.contextmanager
def mounted(root: Path) -> Iterator[None]:
    """The kernel's own folders inside, as far as they may be mounted, and gone afterwards."""
    done = []
    for kind, place in (("proc", "proc"), ("devpts", "dev/pts"), ("tmpfs", "dev/shm")):
        (root / place).mkdir(parents=True, exist_ok=True)
        if subprocess.run(["mount", "-t", kind, kind, str(root / place)], check=False).returncode == 0:
            done.append(root / place)
    try:
        yield
    finally:
        for place in reversed(done):
            subprocess.run(["umount", "-l", str(place)], check=False)


def try_package(root: Path, package: Path) -> int:
    """Install, try, remove, compare."""
    inside(root, "dpkg", "--purge", "bursar")
    inside(root, "find", HOME, "-mindepth", "1", "-delete")
    shutil.copyfile(package, root / "bursar.deb")
    inside(root, "apt-get", "update", "-qq")
    inside(root, "apt-get", "install", "-qq", "--no-install-recommends", "--download-only", "./bursar.deb")
    before = python_of(root)
    inside(root, "apt-get", "install", "-qq", "--no-install-recommends", "./bursar.deb")
    (root / "bursar.deb").unlink()
    say("installed; %d packages, python: %s" % (len(packages(root)), python_of(root) or "none"))
    if python_of(root) != before:
        return failed("installing brought a Python of the system")
    if not_found := unresolved(root):
        return failed("libraries are missing: %s" % not_found)
    files = snapshot(root)
    with display():
        done = subprocess.run([sys.executable, str(HERE / "smoke.py"), *as_person(root), "bursar"], check=False)
        if done.returncode:
            return failed("the smoke test")
        if not shows_window(root):
            return failed("the tray shows no window")
    changed = sorted(snapshot(root).symmetric_difference(files))
    outside = [name for name in changed if not name.startswith(HOME.lstrip("/"))]
    if outside:
        return failed("running it changed %s" % outside[:10])
    return remove(root)


def remove(root: Path) -> int:
    """Uninstall as a person would, and see what stays."""
    said = outcome([*as_person(root), "bursar", "uninstall", "--yes", "--delete-data"])
    print(said)
    told = outcome([*chroot(root), "dpkg", "--purge", "bursar"])
    print(told)
    owned = [name for name in snapshot(root) if "bursar" in name and not NOT_OURS.match(name)]
    say("left of Bursar: %s" % (owned or "nothing"))
    return failed("something is left that was not told") if owned else 0


def as_person(root: Path) -> list[str]:
    """The beginning of a command that a person runs inside, with nothing of our environment but the screen."""
    words = ["env", "-i", f"HOME={HOME}", "PATH=/usr/bin:/bin", "LANG=C.UTF-8", f"DISPLAY={DISPLAY}"]
    return ["chroot", f"--userspec={PERSON}:{PERSON}", str(root), *words]


def chroot(root: Path) -> list[str]:
    """The beginning of a command that root runs inside."""
    return ["chroot", str(root), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"]


def inside(root: Path, *command: str) -> str:
    """Run it in there as root. Leaves with what went wrong."""
    return run([*chroot(root), *command])


def packages(root: Path) -> list[str]:
    """What is installed."""
    return inside(root, "dpkg-query", "-W", "-f", "${Package}\n").split()


def python_of(root: Path) -> list[str]:
    """The Pythons of the system in there."""
    return sorted(name for name in packages(root) if re.match(r"(?:lib)?python\d", name))


def unresolved(root: Path) -> list[str]:
    """Libraries that a file of the program names and nobody has. The program finds its own beside itself."""
    script = (
        "cd /usr/lib/bursar; for f in $(find . -name '*.so*' -type f); do "
        "LD_LIBRARY_PATH=/usr/lib/bursar/_internal ldd $f 2>/dev/null | grep 'not found'; done | sort -u; true"
    )
    return inside(root, "sh", "-c", script).split("\n")[:-1]


def snapshot(root: Path) -> set[str]:
    """Every file, but where the system keeps count and what is the kernel's."""
    found = set()
    for path, folders, names in root.walk():
        if path == root:
            folders[:] = [name for name in folders if name not in ("proc", "dev", "sys")]
        inside_root = {(path / name).relative_to(root).as_posix() for name in names}
        found |= {name for name in inside_root if not NOT_OURS.match(name)}
    return found


@contextlib.contextmanager
def display() -> Iterator[None]:
    """A screen that the root's programs reach over an abstract socket and through its /tmp."""
    server = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1280x800x24", "-ac"], stderr=subprocess.DEVNULL)
    os.environ["DISPLAY"] = DISPLAY
    try:
        time.sleep(1)
        yield
    finally:
        server.terminate()
        server.wait()


def shows_window(root: Path) -> bool:
    """Whether the tray opens its window where no panel has a place for it. Leaves a picture of the screen."""
    process = subprocess.Popen([*as_person(root), "bursar"], stderr=subprocess.DEVNULL)
    look = ["xdotool", "search", "--onlyvisible", "--name", "Bursar"]
    until = time.monotonic() + WINDOW_LIMIT_S
    try:
        while subprocess.run(look, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False).returncode:
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        time.sleep(SETTLED_S)
        target = Path(tempfile.gettempdir()) / "bursar-try-deb.png"
        if shutil.which("import"):
            subprocess.run(["import", "-window", "root", str(target)], check=False)
            say("a picture of the window is in %s" % target)
        return True
    finally:
        process.terminate()
        process.wait()


def run(command: list[str]) -> str:
    """Run it. Leaves with what it said where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit("try_deb: %s failed:\n%s" % (" ".join(command), done.stdout[-3000:]))
    return done.stdout


def outcome(command: list[str]) -> str:
    """What it says, whether it fails or not."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip()


def failed(what: str) -> int:
    """Say it."""
    print("try_deb: failed: %s" % what)
    return 1


def say(line: str) -> None:
    """One line about what is going on."""
    print("try_deb: " + line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
