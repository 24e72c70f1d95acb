"""Where Bursar keeps its files on this machine.

The platform's own folders are used; the environment variable `BURSAR_HOME` puts everything under one folder instead,
which is how tests and the demo keep away from a person's files. Folders are private to their owner (mode 0700) before
anything is written into them.
"""

import os
from pathlib import Path

from platformdirs import user_config_path, user_data_path, user_log_path

HOME_VARIABLE = "BURSAR_HOME"
APP_NAME = "bursar"
PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600


def data_folder() -> Path:
    """Folder of the ledger; made if missing. Raises OSError when it cannot be made."""
    return _private(_home() or user_data_path(APP_NAME, appauthor=False))


def config_folder() -> Path:
    """Folder of the settings file; made if missing. Raises OSError when it cannot be made."""
    return _private(_home() or user_config_path(APP_NAME, appauthor=False))


def log_folder() -> Path:
    """Folder of the log files; made if missing. Raises OSError when it cannot be made."""
    home = _home()
    return _private(home / "log" if home else user_log_path(APP_NAME, appauthor=False))


def ledger_path() -> Path:
    """The ledger's file. Its folder exists, the file may not."""
    return data_folder() / "ledger.sqlite"


def settings_path() -> Path:
    """The settings file. Its folder exists, the file may not."""
    return config_folder() / "settings.json"


def resources_folder() -> Path:
    """Folder of the data that ships with Bursar: beside the code when installed, `resources/` in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_resources"
    return installed if installed.is_dir() else package.parent / "resources"


def _home() -> Path | None:
    home = os.environ.get(HOME_VARIABLE, "")
    return Path(home).expanduser().absolute() if home else None


def _private(folder: Path) -> Path:
    folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        folder.chmod(PRIVATE_FOLDER_MODE)
    return folder
