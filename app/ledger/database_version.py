"""Which SQLite this Python brings, and whether it still has the fault that can damage a WAL file.

Two connections that write and checkpoint at the same moment could lose a commit, from 3.7.0 to 3.51.2. It was mended in
3.51.3, 3.53.0, and in 3.50.7 and 3.44.6 for those who stay; 3.52.0 was withdrawn (SQLite's release notes, 2026).
"""

import sqlite3

Version = tuple[int, int, int]

_MENDED_FROM: tuple[tuple[Version, Version], ...] = (
    ((3, 44, 6), (3, 45, 0)),
    ((3, 50, 7), (3, 51, 0)),
    ((3, 51, 3), (3, 52, 0)),
    ((3, 53, 0), (4, 0, 0)),
)


def sqlite_version() -> Version:
    """The version of the SQLite library in use."""
    major, minor, patch = sqlite3.sqlite_version_info
    return major, minor, patch


def is_mended(version: Version) -> bool:
    """Whether a version is free of the fault."""
    return any(first <= version < end for first, end in _MENDED_FROM)
