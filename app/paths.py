"""Where Bursar keeps its files on this machine.

The platform's own folders are used; the environment variable `BURSAR_HOME` puts everything under one folder instead,
which is how tests and the demo keep away from a person's files. Folders are private to their owner (mode 0700) before
anything is written into them. One that somebody has opened to others is not used and not closed in silence either: what
was in it may have been read, so the person is told.

On Windows the folders have the rights of the user's profile, and nothing of this is checked.
"""

import errno
import os
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_config_path, user_data_path, user_log_path

HOME_VARIABLE = "BURSAR_HOME"
APP_NAME = "bursar"
PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LEDGER_ENDINGS = ("-wal", "-shm", ".meters", ".key", ".upkeep", ".ballast")
_OTHERS_WRITING = stat.S_IWGRP | stat.S_IWOTH


class OpenToOthers(PermissionError):
    """A file or folder of ours that other users of the machine could open. `title` and `message` are for a person."""

    title = "Others may open Bursar's files"

    def __init__(self, path: Path, mode: int) -> None:
        super().__init__(errno.EPERM, self.title, str(path))
        self.message = f"{path} has mode {mode:o}. Close it with: {closing_command(path)}"


def data_folder() -> Path:
    """Folder of the ledger; made if missing. Raises OSError when it cannot be made, OpenToOthers when it is that."""
    return _private(_data_place())


def config_folder() -> Path:
    """Folder of the settings file; made if missing. Raises OSError as `data_folder` does."""
    return _private(_config_place())


def log_folder() -> Path:
    """Folder of the log files; made if missing. Raises OSError as `data_folder` does."""
    data_folder()  # before the folder inside it, where all is under one
    return _private(log_place())


def ledger_path() -> Path:
    """The ledger's file. Its folder exists, the file may not."""
    return data_folder() / "ledger.sqlite"


def settings_path() -> Path:
    """The settings file. Its folder exists, the file may not."""
    return config_folder() / "settings.json"


def meter_folder() -> Path:
    """Folder of the meter's own CA; made if missing. Raises OSError as `data_folder` does."""
    return _private(config_folder() / "meter")


def private_files(ledger: Path) -> list[Path]:
    """All there is that only its owner may open: folders, ledger, logs, locks, the CA."""
    folders = [_data_place(), _config_place(), log_place(), _config_place() / "meter"]
    beside = [ledger, *(ledger.with_name(ledger.name + ending) for ending in _LEDGER_ENDINGS)]
    kept = [ledger.with_name(name) for name in ("backups", "quarantine")]
    inside = [
        *folders[2].glob("*.log*"),
        *folders[3].glob("*-ca.*"),
        *kept,
        *(file for at in kept for file in at.rglob("*")),
    ]
    return [path for path in (*folders, *beside, *inside) if path.exists()]


def refuse_exposed(ledger: Path) -> None:
    """Raise OpenToOthers for the first of our files that others could open, or settings that they could write. (The
    settings hold no secret, and many an editor makes its files readable.) Raises OSError where no folder can be had."""
    for folder in (data_folder, config_folder, log_folder, meter_folder):
        folder()
    for path, rights in (*((path, _OTHERS) for path in private_files(ledger)), (settings_path(), _OTHERS_WRITING)):
        _refuse_rights(path, rights)


def made_private(file: Path) -> Path:
    """The file, made empty with mode 0600 where there was none: for libraries that would make it readable to all."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, PRIVATE_FILE_MODE))
    return file


def exposed(paths: Iterable[Path]) -> list[Path]:
    """Those that other users could open; none where the system has no such rights."""
    return [path for path in paths if path.exists() and _mode(path) & _OTHERS] if os.name == "posix" else []


def close_to_others(path: Path) -> None:
    """Leave it to its owner alone. Raises OSError."""
    path.chmod(PRIVATE_FOLDER_MODE if path.is_dir() else PRIVATE_FILE_MODE)


def closing_command(path: Path) -> str:
    """What a person types so that nobody else can open it."""
    return f"chmod {'700' if path.is_dir() else '600'} {shlex.quote(str(path))}"


def resources_folder() -> Path:
    """Folder of the data that ships with Bursar: beside the code when installed, `resources/` in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_resources"
    return installed if installed.is_dir() else package.parent / "resources"


def _data_place() -> Path:
    return _home() or user_data_path(APP_NAME, appauthor=False)


def _config_place() -> Path:
    return _home() or user_config_path(APP_NAME, appauthor=False)


def log_place() -> Path:
    """Folder of the log files, made or not."""
    home = _home()
    return home / "log" if home else user_log_path(APP_NAME, appauthor=False)


def _home() -> Path | None:
    home = os.environ.get(HOME_VARIABLE, "")
    return Path(home).expanduser().absolute() if home else None


def _private(folder: Path) -> Path:
    folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    _refuse_rights(folder, _OTHERS)
    return folder


def _refuse_rights(path: Path, rights: int) -> None:
    if os.name == "posix" and path.exists() and _mode(path) & rights:
        raise OpenToOthers(path, _mode(path))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
