"""Build what is shipped, into dist/: the same bytes from the same commit and the same tools.

    python3 packaging/build.py folder      the one-folder program: tray, command line and meter in one
    python3 packaging/build.py deb         a Debian package of it (Linux; needs dpkg-deb)
    python3 packaging/build.py wheel       for uv tool install and pipx
    python3 packaging/build.py sbom        what is in it, as CycloneDX
    python3 packaging/build.py appimage    an AppImage of it (Linux; needs appimagetool on PATH)
    python3 packaging/build.py dmg         a disk image for macOS, signed where BURSAR_SIGN_AS names an identity
    python3 packaging/build.py installer   a Windows installer (needs Inno Setup's iscc on PATH)

`--into FOLDER` puts it elsewhere. Needs a Python that Bursar runs on; the tools come from requirements-ship.lock, into
.venv-build beside the checkout. Times in what is built are those of the commit (or of SOURCE_DATE_EPOCH).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable

import environment
import interpreters

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGING = CHECKOUT / "packaging"
BUILD_ENVIRONMENT = CHECKOUT / ".venv-build"
WORK = CHECKOUT / "build"


class CannotBuild(Exception):
    """What is missing, for a person."""


def main(arguments: list[str]) -> int:
    """Build what the arguments name; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(PRODUCTS))
    parser.add_argument("--into", type=Path, default=CHECKOUT / "dist")
    given = parser.parse_args(arguments)
    given.into.mkdir(parents=True, exist_ok=True)
    os.environ.update(steady_variables(CHECKOUT))
    try:
        print(PRODUCTS[given.what](given.into.resolve()))
    except (CannotBuild, environment.EnvironmentFailed) as error:
        print("build: %s" % error, file=sys.stderr)
        return 1
    return 0


def steady_variables(checkout: Path) -> dict[str, str]:
    """What makes the tools give the same bytes each time: the commit's time, one order of sets, one zone."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        command = ["git", "log", "-1", "--format=%ct"]
        try:
            epoch = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            raise CannotBuild("this is no Git checkout: say by SOURCE_DATE_EPOCH which time to write") from None
    return {"SOURCE_DATE_EPOCH": epoch, "PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def say(line: str) -> None:
    """One line about what is going on, where it does not mix with what is told to a script."""
    print("build: " + line, file=sys.stderr, flush=True)


def tools() -> Path:
    """The Python of the environment with the tools, made if need be. Raises CannotBuild or EnvironmentFailed."""
    with environment.held(CHECKOUT / ".venv-build.lock", say):
        if not environment.is_ready(CHECKOUT, BUILD_ENVIRONMENT, "ship"):
            found = interpreters.find_interpreter(CHECKOUT / ".venv-python")
            if found is None:
                raise CannotBuild(interpreters.advice())
            environment.make(CHECKOUT, BUILD_ENVIRONMENT, "ship", found.path, say)
    return environment.python_in(BUILD_ENVIRONMENT)


def run(command: list[str], **variables: str) -> str:
    """Run a tool from the checkout; what it says is shown only where it fails. Raises CannotBuild."""
    given = {**environment.child_environment(), **variables}
    try:
        done = subprocess.run(command, cwd=CHECKOUT, env=given, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CannotBuild("%s is not installed" % command[0]) from None
    if done.returncode:
        raise CannotBuild("%s failed:\n%s%s" % (Path(command[0]).name, done.stdout[-4000:], done.stderr[-4000:]))
    return done.stdout


def script(name: str, *arguments: object) -> str:
    """Run one of our own scripts with the tools at hand."""
    return run([str(tools()), str(PACKAGING / name), *map(str, arguments)], QT_QPA_PLATFORM="offscreen")


def build_folder(into: Path) -> Path:
    """The one-folder program. Gives the folder (on macOS the app)."""
    variables = {}
    ending = {"win32": ".ico", "darwin": ".icns"}.get(sys.platform)
    if ending:
        variables["BURSAR_ICON"] = str(WORK / ("bursar" + ending))
        script("icons.py", variables["BURSAR_ICON"])
    tool = [str(tools()), "-m", "PyInstaller", str(PACKAGING / "bursar.spec"), "--noconfirm", "--clean"]
    run([*tool, "--distpath", str(into), "--workpath", str(WORK / "pyinstaller")], **variables)
    if sys.platform == "darwin":
        return into / "Bursar.app"
    if sys.platform == "linux":
        script("trim.py", into / "bursar" / "_internal")
    return into / "bursar"


def build_deb(into: Path) -> Path:
    """The Debian package."""
    folder, staged = build_folder(into), WORK / "deb"
    shutil.rmtree(staged, ignore_errors=True)
    build_sbom(WORK)
    return Path(script("deb.py", folder, staged, into).strip().splitlines()[-1])


def build_wheel(into: Path) -> Path:
    """The wheel."""
    for old in into.glob("bursar-*.whl"):
        old.unlink()
    run([str(environment.script_in(tools().parent.parent, "hatchling")), "build", "-t", "wheel", "-d", str(into)])
    return next(into.glob("bursar-*.whl"))


def build_sbom(into: Path) -> Path:
    """The list of what Bursar is made of."""
    into.mkdir(parents=True, exist_ok=True)
    script("sbom.py", into / "bursar.cdx.json")
    return into / "bursar.cdx.json"


def build_appimage(into: Path) -> Path:
    """The AppImage. Was not tried where this was written: its tool is in no package registry."""
    if shutil.which("appimagetool") is None:
        raise CannotBuild("appimagetool is not installed; AppImage's own site has it")
    staged = WORK / "Bursar.AppDir"
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(build_folder(into), staged, symlinks=True)
    (staged / "AppRun").symlink_to("bursar")
    shutil.copyfile(CHECKOUT / "resources" / "icons" / "bursar.svg", staged / "bursar.svg")
    (staged / "bursar.desktop").write_text((PACKAGING / "bursar.desktop").read_text("utf-8"), "utf-8")
    target = into / "Bursar.AppImage"
    run(["appimagetool", "--no-appstream", str(staged), str(target)])
    return target


def build_dmg(into: Path) -> Path:
    """The disk image for macOS. Was not tried where this was written."""
    return Path(run(["sh", str(PACKAGING / "macos.sh"), str(build_folder(into)), str(into)]).splitlines()[-1])


def build_installer(into: Path) -> Path:
    """The installer for Windows. Was not tried where this was written."""
    version = script("frozen_content.py").strip()
    folder = build_folder(into)
    icon, size = WORK / "bursar.ico", "/DIcon=%s"
    options = ["/DVersion=" + version, "/DFolder=%s" % folder, "/DInto=%s" % into, size % icon]
    run(["iscc", "/Qp", *options, str(PACKAGING / "windows.iss")])
    return into / ("bursar-%s-setup.exe" % version)


PRODUCTS: dict[str, Callable[[Path], Path]] = {
    "folder": build_folder,
    "deb": build_deb,
    "wheel": build_wheel,
    "sbom": build_sbom,
    "appimage": build_appimage,
    "dmg": build_dmg,
    "installer": build_installer,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
