"""A Debian package from the one-folder program: `python deb.py FOLDER STAGED INTO`, run by build.py.

No entry for login is in it: a package starts nothing for all users of a machine. Each person says so in Bursar's
settings, which writes an entry of their own that falls still when the program is gone (TryExec).
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import icons
import manual
import system_libraries
from frozen_content import version

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAM = Path("usr/lib/bursar")
ICON_SIZES = (48, 128, 256)
MAINTAINER = "Bursar contributors <contributors@bursar.invalid>"
DEPENDS = (
    "libgcc-s1",
    "libstdc++6",
    "libfreetype6",
    "libexpat1",
    "libx11-6",
    "libxcb1",
    "libxau6",
    "libwayland-client0",
    "libwayland-egl1",
)
"""Beside the C library and what `system_libraries` names: what trim.py leaves to the system."""
RECOMMENDS = "gnome-keyring | kwalletmanager | keepassxc"
SUGGESTS = "bubblewrap"
DESCRIPTION = """meters and caps what coding agents spend
 A tray application with a local meter. Coding agents are run through the
 meter: each call is priced and booked to a project, an agent, a user and a
 task. When a cap is reached, the agent's next call waits and you are asked.
 Providers' keys stay in the system keyring; agents hold virtual keys."""
LEFT = """bursar: the program is removed. What each person has stays: ledger and logs (~/.local/share/bursar,
bursar: ~/.local/state/bursar), settings (~/.config/bursar), keys in the keyring, agents that were connected.
bursar: to have that removed, a person runs "bursar uninstall" before the package goes."""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Bursar

Files: *
Copyright: Bursar contributors
License: MIT

Files: usr/lib/bursar/_internal/*
Copyright: the authors of each package named in bursar.cdx.json beside this file
License: various
 Each package and its licence are named in bursar.cdx.json. Qt and PySide are
 used under the LGPL, version 3 (/usr/share/common-licenses/LGPL-3); their
 libraries are files of their own and may be replaced.

"""
OVERRIDES = (
    # A program that brings its own Python has its libraries with it, and in a folder of its own.
    "embedded-library",
    "shared-library-lacks-prerequisites",
    "library-not-linked-against-libc",
    "unstripped-binary-or-object",
    "hardening-no-fortify-functions",
    "hardening-no-relro",
    "custom-library-search-path",
    "binary-with-bad-dynamic-table",
    "font-in-non-font-package",
    "executable-in-usr-lib",
    "no-code-sections",
    "initial-upload-closes-no-bugs",
)


def build(folder: Path, staged: Path, into: Path) -> Path:
    """Stage the files and pack them. Gives the package."""
    shutil.copytree(folder, staged / PROGRAM, symlinks=True)
    link(staged / "usr/bin/bursar", "../lib/bursar/bursar")
    write(staged / "usr/share/applications/bursar.desktop", (CHECKOUT / "packaging/bursar.desktop").read_bytes())
    put_icons(staged / "usr/share/icons/hicolor")
    put_manual(staged / "usr/share")
    put_documents(staged / "usr/share/doc/bursar")
    overrides = "".join(f"bursar: {tag} *\n" for tag in OVERRIDES)
    write(staged / "usr/share/lintian/overrides/bursar", overrides.encode())
    set_modes(staged)
    put_control(staged)
    package = into / f"bursar_{version(CHECKOUT)}_{architecture()}.deb"
    pack = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z12", "--threads-max=1", "--build", str(staged), str(package)]
    subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
    return package


def put_icons(folder: Path) -> None:
    """The icon as a drawing and in the usual sizes."""
    write(folder / "scalable/apps/bursar.svg", icons.SVG.read_bytes())
    for size in ICON_SIZES:
        command = [sys.executable, str(icons.__file__), str(folder / f"{size}x{size}/apps/bursar.png"), str(size)]
        subprocess.run(command, check=True)


def put_manual(share: Path) -> None:
    """Manual page and completions."""
    day = manual.built_on()
    write(share / "man/man1/bursar.1.gz", packed(manual.page(day).encode()))
    names = {"bash": "bash-completion/completions/bursar", "fish": "fish/vendor_completions.d/bursar.fish"}
    for shell, name in {**names, "zsh": "zsh/vendor-completions/_bursar"}.items():
        write(share / name, manual.completion(shell).encode())


def put_documents(folder: Path) -> None:
    """Licence, changes, and the list of what is in the package."""
    licence = (CHECKOUT / "LICENSE").read_text("utf-8")
    told = "\n".join(f" {line}" if line.strip() else " ." for line in licence.strip().splitlines())
    write(folder / "copyright", f"{COPYRIGHT}License: MIT\n{told}\n".encode())
    write(folder / "changelog.gz", packed((CHECKOUT / "CHANGELOG.md").read_bytes()))
    write(folder / "bursar.cdx.json", (CHECKOUT / "build/bursar.cdx.json").read_bytes())


def put_control(staged: Path) -> None:
    """The package's own description, the sums of its files, and what is said when it goes."""
    size = sum(file.lstat().st_size for file in staged.rglob("*") if file.is_file() and not file.is_symlink())
    fields = {
        "Package": "bursar",
        "Version": version(CHECKOUT),
        "Section": "devel",
        "Priority": "optional",
        "Architecture": architecture(),
        "Installed-Size": str(-(-size // 1024)),
        "Maintainer": MAINTAINER,
        "Depends": ", ".join(depends(staged / PROGRAM)),
        "Recommends": RECOMMENDS,
        "Suggests": SUGGESTS,
        "Description": DESCRIPTION,
    }
    write(staged / "DEBIAN/control", "".join(f"{name}: {value}\n" for name, value in fields.items()).encode())
    files = sorted(file for file in (staged / "usr").rglob("*") if file.is_file() and not file.is_symlink())
    summed = subprocess.run(
        ["md5sum", *(str(file.relative_to(staged)) for file in files)], cwd=staged, capture_output=True, check=True
    )
    write(staged / "DEBIAN/md5sums", summed.stdout)
    told = "\n".join(f"    echo '{line}'" for line in LEFT.splitlines())
    script = f'#!/bin/sh\nset -e\nif [ "$1" = remove ]; then\n{told}\nfi\n'
    write(staged / "DEBIAN/postrm", script.encode(), mode=0o755)


def depends(program: Path) -> list[str]:
    """The packages that the program stands on."""
    needs = (*system_libraries.OFFSCREEN, *system_libraries.X11, *system_libraries.WAYLAND)
    own = {file.name for file in (program / "_internal").glob("*.so*")}
    named = {need.apt for need in needs if need.name not in own}
    return [f"libc6 (>= {glibc_of(program)})", *sorted({*named, *DEPENDS})]


def glibc_of(program: Path) -> str:
    """The C library's version that the newest symbol any file names came with."""
    files = [str(file) for file in program.rglob("*.so*") if not file.is_symlink()]
    told = subprocess.run(["objdump", "-T", *files], capture_output=True, text=True, check=False).stdout
    found = {tuple(map(int, one.split("."))) for one in re.findall(r"\(?GLIBC_(\d+\.\d+)", told)}
    return "{}.{}".format(*max(found))


def architecture() -> str:
    """Debian's name for this machine's kind."""
    asked = ["dpkg", "--print-architecture"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def packed(content: bytes) -> bytes:
    """With gzip, without a name and a time."""
    return gzip.compress(content, 9, mtime=0)


def write(file: Path, content: bytes, mode: int = 0o644) -> None:
    """A file, with the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)


def link(file: Path, target: str) -> None:
    """A link, with the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(target)


def set_modes(staged: Path) -> None:
    """Modes and times that do not hang on who builds: executables are the program alone."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in [staged, *staged.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == staged / PROGRAM / "bursar" else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


if __name__ == "__main__":
    print(build(*map(Path, sys.argv[1:4])))
