"""A disk that fails when it is told to, below SQLite and in this process: its file layer, wrapped.

Every read, write, sync, truncation and opening of a file by SQLite goes through here. The n-th of a kind can be made to
fail, and what was synced is kept apart from what was only written, so that a power cut can be played at any of them.
Only the calls into SQLite's C library are wrapped; nothing of Bursar's knows of it.
"""

import _sqlite3
import ctypes
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

OK, READ_ONLY, FULL, CANNOT_OPEN = 0, 8, 13, 14
FAILED_READ, FAILED_WRITE, FAILED_SYNC, FAILED_TRUNCATE = 266, 778, 1034, 1546
SECTOR = 512

_Read = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Close = CFUNCTYPE(c_int, c_void_p)
# The name stays a pointer: SQLite keeps it, and what stands before it in memory.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods."""

    _fields_ = [
        ("version", c_int), ("close", _Close), ("read", _Read), ("write", _Write), ("truncate", _Truncate),
        ("sync", _Sync), ("rest", c_void_p * 13),
    ]  # fmt: skip


class _File(Structure):
    """sqlite3_file, as far as it is the same in all file layers."""

    _fields_ = [("methods", POINTER(_Methods))]


class _Layer(Structure):
    """sqlite3_vfs."""

    _fields_ = [
        ("version", c_int), ("file_bytes", c_int), ("longest_name", c_int), ("next", c_void_p), ("name", c_char_p),
        ("data", c_void_p), ("open", _Open), ("delete", _Delete), ("rest", c_void_p * 14),
    ]  # fmt: skip


class Step(StrEnum):
    """What SQLite asks of a disk."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    SYNC = "sync"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True)
class Failure:
    """How a step fails: SQLite's code for it, and whether half of what was to be written is. `lasts`: so do all that
    follow it."""

    step: Step
    code: int
    is_half_done: bool = False
    lasts: bool = False


@dataclass
class Disk:
    """What the disk was asked, and what it does about it. `before` is called before each step that changes it."""

    done: Counter[Step] = field(default_factory=Counter)
    before: Callable[[], None] | None = None
    _failure: Failure | None = None
    _left: int = 0
    _durable: dict[Path, bytes] = field(default_factory=dict)
    _pending: dict[Path, list[tuple[int, bytes | None]]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def failing(self, failure: Failure, nth: int) -> Iterator[None]:
        """Let the n-th of such steps fail (counted from 0), within the block."""
        self._failure, self._left = failure, nth
        try:
            yield
        finally:
            self._failure = None

    @contextmanager
    def counted(self) -> Iterator[Counter[Step]]:
        """How many steps of each kind the block takes."""
        before, counted = self.done.copy(), Counter[Step]()
        yield counted
        counted.update(self.done - before)

    def cut_power(self, into: Path, dice: random.Random) -> None:
        """Write what a disk may hold if the power went now: all that was synced, and of the rest any of its sectors."""
        for path, content in self._durable.items():
            image = bytearray(content)
            for offset, data in self._pending[path]:
                _apply(image, offset, data, dice)
            (into / path.name).write_bytes(image)

    def fails(self, step: Step) -> Failure | None:
        """Whether this step fails."""
        if self.before is not None and step not in (Step.READ, Step.OPEN):
            self.before()
        self.done[step] += 1
        failure = self._failure
        if failure is None or failure.step is not step:
            return None
        self._left -= 1
        return failure if self._left == -1 or (failure.lasts and self._left < 0) else None

    def opened(self, path: Path) -> None:
        """What is in a file before anything is done to it counts as synced."""
        if path not in self._durable and path.exists():
            self._durable[path] = path.read_bytes()

    def wrote(self, path: Path, offset: int, data: bytes | None) -> None:
        """Bytes were written, or with None the file was made as short as `offset`."""
        self._pending[path].append((offset, data))

    def synced(self, path: Path, *, is_done: bool) -> None:
        """All that was written is safe; or what was written since is given up, as Linux does when a sync fails."""
        if is_done:
            image = bytearray(self._durable.get(path, b""))
            for offset, data in self._pending[path]:
                _apply(image, offset, data, None)
            self._durable[path] = bytes(image)
        self._pending[path].clear()

    def deleted(self, path: Path) -> None:
        """A file is gone."""
        self._durable.pop(path, None)
        self._pending.pop(path, None)


def _apply(image: bytearray, offset: int, data: bytes | None, dice: random.Random | None) -> None:
    """Write into an image; with dice only some sectors of it arrive, or none."""
    if data is None:
        if dice is None or dice.random() < 0.5:
            del image[offset:]
        return
    if dice is not None and dice.random() < 0.3:
        return
    image.extend(bytes(max(0, offset + len(data) - len(image))))
    for start in range(0, len(data), SECTOR):
        if dice is None or dice.random() < 0.7:
            part = data[start : start + SECTOR]
            image[offset + start : offset + start + len(part)] = part


def is_reachable() -> bool:
    """Whether the library that this Python's SQLite is can be called: some Pythons have it built in."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    try:
        library.sqlite3_libversion.restype = c_char_p
        return bool(library.sqlite3_libversion() == sqlite3.sqlite_version.encode())
    except AttributeError:
        return False


@contextmanager
def shimmed() -> Iterator[Disk]:
    """All of this process's SQLite files on a disk that obeys, until the block ends. Close them before."""
    library: Any = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = POINTER(_Layer)
    real = library.sqlite3_vfs_find(None)
    shim = _Shim(real)
    assert library.sqlite3_vfs_register(ctypes.byref(shim.layer), 1) == OK
    try:
        yield shim.disk
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(shim.layer))
        library.sqlite3_vfs_register(real, 1)


class _Shim:
    """The wrapped file layer. Keeps all that C has pointers to."""

    def __init__(self, real: Any) -> None:
        self.disk = Disk()
        self._real = real
        self._paths: dict[int, Path] = {}
        self._methods: dict[int, tuple[Any, _Methods]] = {}
        self.layer = _Layer.from_buffer_copy(real.contents)
        self.layer.name = b"obedient"
        self.layer.open, self.layer.delete = _Open(self._open), _Delete(self._delete)

    def _open(self, _layer: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = Path(ctypes.string_at(name).decode()) if name else None
        failure = self.disk.fails(Step.OPEN) if path is not None else None
        if failure is not None:
            ctypes.cast(file, POINTER(_File)).contents.methods = POINTER(_Methods)()
            return failure.code
        if path is not None:
            self.disk.opened(path)
        code: int = self._real.contents.open(ctypes.cast(self._real, c_void_p), name, file, flags, out)
        if code == OK and path is not None:
            self._paths[file] = path
            opened = ctypes.cast(file, POINTER(_File)).contents
            opened.methods = ctypes.pointer(self._wrapped(opened.methods))
        return code

    def _wrapped(self, methods: Any) -> _Methods:
        """The same methods, but for those that move bytes."""
        address = ctypes.addressof(methods.contents)
        if address not in self._methods:
            wrapped = _Methods.from_buffer_copy(methods.contents)
            real = _Methods.from_buffer_copy(methods.contents)
            wrapped.read = _Read(lambda file, to, size, at: self._read(real, file, to, size, at))
            wrapped.write = _Write(lambda file, data, size, at: self._write(real, file, data, size, at))
            wrapped.truncate = _Truncate(lambda file, size: self._truncate(real, file, size))
            wrapped.sync = _Sync(lambda file, flags: self._sync(real, file, flags))
            self._methods[address] = real, wrapped
        return self._methods[address][1]

    def _read(self, real: _Methods, file: int, to: int, size: int, at: int) -> int:
        failure = self.disk.fails(Step.READ)
        return int(real.read(file, to, size, at)) if failure is None else failure.code

    def _write(self, real: _Methods, file: int, data: int, size: int, at: int) -> int:
        failure = self.disk.fails(Step.WRITE)
        if failure is not None and not failure.is_half_done:
            return failure.code
        size = size if failure is None else size // 2
        self.disk.wrote(self._paths[file], at, ctypes.string_at(data, size))
        code = int(real.write(file, data, size, at))
        return code if failure is None else failure.code

    def _truncate(self, real: _Methods, file: int, size: int) -> int:
        failure = self.disk.fails(Step.TRUNCATE)
        if failure is not None:
            return failure.code
        self.disk.wrote(self._paths[file], size, None)
        return int(real.truncate(file, size))

    def _sync(self, real: _Methods, file: int, flags: int) -> int:
        failure = self.disk.fails(Step.SYNC)
        self.disk.synced(self._paths[file], is_done=failure is None)
        return int(real.sync(file, flags)) if failure is None else failure.code

    def _delete(self, _layer: int, name: bytes, sync: int) -> int:
        self.disk.deleted(Path(name.decode()))
        return int(self._real.contents.delete(ctypes.cast(self._real, c_void_p), name, sync))
