"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, one for each session of pytest."""

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name), reverse=True)
PASSWORD = "only-for-tests"
STARTS_WITHIN_S = 60


@functools.cache
def tools() -> Path | None:
    """The folder of the server's programs; None where PostgreSQL is not installed, or this is no Linux."""
    if not sys.platform.startswith("linux"):
        return None
    on_path = shutil.which("initdb")
    found = [*FOLDERS, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in found if (folder / "initdb").exists()), None)


class Cluster:
    """A server that can be killed and started again. `is_safe`: it waits for the disk, so that a kill loses nothing."""

    def __init__(self, *, is_safe: bool = False) -> None:
        found = tools()
        assert found is not None
        self._tools = found
        self._account = _account()
        self.folder = Path(tempfile.mkdtemp(prefix="bursar-pg-"))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._account is not None:
            os.chown(self.folder, *self._account)
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--username=admin",
            f"--pwfile={password}", "-D", str(self.folder / "data"),
        )  # fmt: skip
        fsync = "on" if is_safe else "off"
        self._options = [
            "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}",
            "-c", f"unix_socket_directories={self.folder}", "-c", f"fsync={fsync}",
            "-c", "max_connections=60", "-c", "shared_buffers=32MB",
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers. What a killed one left behind may hold it up for a moment."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            if self._process is None or self._process.poll() is not None:
                self._launch()
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, self.log()[-3000:]
                time.sleep(0.05)

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._tools / "postgres", "-D", str(self.folder / "data"), *self._options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, **_as_account(self._account),
            )  # fmt: skip

    def kill(self) -> None:
        """End the server and all its processes at once, without a word."""
        self._signal_all(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def freeze(self) -> None:
        """Let it say nothing more, with its connections open."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """To the server first, which would start what is missing, and then to what it started."""
        assert self._process is not None
        os.kill(self._process.pid, number)
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        for child in map(int, children.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def close(self) -> None:
        """End it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def encrypting(self, certificate: Path, key: Path) -> Iterator[None]:
        """Let it offer TLS with these files, until the block ends."""
        settings = {"ssl_cert_file": certificate, "ssl_key_file": key}
        with self.connect() as connection:
            for name, file in settings.items():
                copy = self.folder / file.name
                shutil.copy(file, copy)
                copy.chmod(0o600)
                if self._account is not None:
                    os.chown(copy, *self._account)
                connection.execute(f"ALTER SYSTEM SET {name} = '{copy}'")
            self._switch_tls(connection, "on")
            try:
                yield
            finally:
                self._switch_tls(connection, "off")

    def _switch_tls(self, connection: "psycopg.Connection[Any]", to: str) -> None:
        connection.execute(f"ALTER SYSTEM SET ssl = '{to}'")
        connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            with self.connect() as fresh:
                if fresh.execute("SHOW ssl").fetchone() == (to,):
                    return
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def log(self) -> str:
        """All that it wrote so far."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A superuser's connection, each statement a transaction."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="admin", password=PASSWORD, dbname=database, autocommit=True,
            connect_timeout=5,
        )  # fmt: skip

    def url(self, user: str, database: str) -> str:
        """The address that a team's ledger would have here, without a password."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def _run(self, tool: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._tools / tool, *arguments], capture_output=True, text=True, check=False, cwd=self.folder,
            **_as_account(self._account),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def _account() -> tuple[int, int] | None:
    """Somebody else to run the server as, since it refuses to be root's; None where this is no root."""
    if os.geteuid() != 0:
        return None
    import pwd  # not on Windows

    known = {one.pw_name: one for one in pwd.getpwall()}
    account = known.get("postgres") or known["nobody"]
    return account.pw_uid, account.pw_gid


def _as_account(account: tuple[int, int] | None) -> dict[str, Any]:
    return {} if account is None else {"user": account[0], "group": account[1], "extra_groups": ()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
