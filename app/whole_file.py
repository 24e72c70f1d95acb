"""Writing a small file whole: whoever reads it, and whatever breaks, finds the old content or the new."""

import os
import tempfile
from pathlib import Path

from app.paths import PRIVATE_FILE_MODE


def write_whole(file: Path, content: bytes, mode: int = PRIVATE_FILE_MODE) -> None:
    """Write beside the file, readable to its owner alone until it is whole, and move it over. Raises OSError, and then
    leaves nothing behind."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
