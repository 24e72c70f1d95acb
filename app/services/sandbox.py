"""One agent in a sandbox made by bubblewrap: it has a network of its own in which the meter is all there is.

Two ends of a relay meet in a socket file: inside, `sandbox_relay` opens the meter's own ports; outside, this process
connects to the meter in the person's name. No other way leads out. The internet is reached through the meter's HTTPS
proxy, with all its walls, or not at all.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from app.core.errors import SandboxError
from app.services import sandbox_relay
from app.services.own_ca import ca_certificate_path, trusting
from app.services.own_command import RELAY, is_frozen, part_command
from app.services.sandbox_outlet import outer_relay
from app.services.sandbox_syscalls import syscall_filter
from app.services.sandbox_walls import PRIVATE_ROOTS, Walls, interpreter

RELAY_FOLDER = "/run/bursar"
TRY_LIMIT_S = 10.0
_RELAY_FILE = "relay.py"

REMOVED = (
    "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "GNOME_KEYRING_CONTROL",
    "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DOCKER_HOST", "BURSAR_HOME",
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy",
)  # fmt: skip
"""Variables that lead to what is not there inside."""

_NAMESPACES = (
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--cap-drop", "ALL", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
    "--ro-bind", "/proc/sys", "/proc/sys",
)  # fmt: skip
"""The kernel's settings are covered by ourselves: bubblewrap leaves them to root, who may write them without any
capability (measured with 0.8: a sandboxed root could name the program that the kernel starts for a core dump)."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the meter is reached: `gateway_url` by base URL, `forward_url` as HTTPS proxy."""

    gateway_url: str
    forward_url: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that can be had here. `bwrap` is bubblewrap's program. `is_offline`: the internet is not reached."""

    bwrap: str
    walls: Walls
    is_offline: bool = False


class SandboxedAgent:
    """A running agent and the pipe on which it is sent signals."""

    def __init__(self, process: subprocess.Popen[bytes], orders: int) -> None:
        self._process = process
        self._orders = orders

    def send_signal(self, number: int) -> None:
        """Hand a signal on to the agent itself. Nothing happens when it has ended."""
        try:
            os.write(self._orders, bytes([number]))
        except OSError:
            return

    def wait(self) -> int:
        """Its exit status, 128 + the signal's number for one that was killed."""
        return self._process.wait()


def find_bubblewrap() -> str:
    """The path of bubblewrap's program. Raises SandboxError, saying what to install."""
    if sys.platform != "linux":
        raise SandboxError("No sandbox on this system yet", "It is there on Linux only. Run without --sandbox.")
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxError(
            "bubblewrap is not installed",
            "The sandbox is made with it: apt install bubblewrap, dnf install bubblewrap or pacman -S bubblewrap.",
        )
    return bwrap


def made_sandbox(walls: Walls, *, is_offline: bool) -> Sandbox:
    """A sandbox with these walls that was tried and works. Raises SandboxError, saying what to install or allow."""
    sandbox = Sandbox(find_bubblewrap(), walls, is_offline)
    line = [*bubblewrap_command(sandbox, None, rules=None), "true"]
    tried = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRY_LIMIT_S, check=False)
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip().splitlines()
        raise SandboxError(
            "bubblewrap cannot make a sandbox here",
            f"It says: {said[-1][:200] if said else 'nothing'}. Unprivileged user namespaces must be allowed; Ubuntu "
            "24.04 and later allow them by an AppArmor profile for bwrap, containers by an option of theirs.",
        )
    return sandbox


def sandboxed_environment(environment: Mapping[str, str], sandbox: Sandbox, ways: Ways, token: str) -> dict[str, str]:
    """An agent's environment without what leads nowhere inside, with a cache that can be written, and with the meter as
    its proxy unless it is to be offline."""
    changed = {name: value for name, value in environment.items() if name not in REMOVED}
    cache = f"{PRIVATE_ROOTS[0]}/cache"
    changed |= sandbox.walls.variables
    changed |= {"TMPDIR": str(PRIVATE_ROOTS[0]), "XDG_CACHE_HOME": cache, "npm_config_cache": f"{cache}/npm"}
    if not sandbox.is_offline:
        # The key as the user's name says who pays for calls to providers that come this way.
        proxy = ways.forward_url.replace("://", f"://{token}:x@", 1)
        changed |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), proxy)
        changed["NODE_USE_ENV_PROXY"] = "1"  # Node's own fetch reads them only then
    return changed


@contextmanager
def sandboxed_agent(
    sandbox: Sandbox, command: Sequence[str], environment: Mapping[str, str], ways: Ways, token: str
) -> Iterator[SandboxedAgent]:
    """Start the command inside and yield it; after the block the ways to the meter are closed. Raises OSError."""
    given = sandboxed_environment(environment, sandbox, ways, token)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bursar-")))
        urls = [ways.gateway_url] if sandbox.is_offline else [ways.gateway_url, ways.forward_url]
        own = {} if sandbox.is_offline else _trust_in_meter(environment, folder)
        ports = [urlsplit(url).port or 0 for url in urls]
        stack.enter_context(outer_relay(folder, ports))
        heard, orders = os.pipe()
        stack.callback(os.close, orders)
        with os.fdopen(heard, "rb"), tempfile.TemporaryFile() as rules:
            has_filter = _write_filter(rules)
            line = bubblewrap_command(sandbox, folder, rules=rules.fileno() if has_filter else None)
            line += [*_relay_command(folder), str(heard)]
            line += [f"{port}={RELAY_FOLDER}/{port}" for port in ports] + ["--", *command]
            with _ignored_signals():
                process = subprocess.Popen(line, env=given | own, pass_fds=(heard, rules.fileno()))
        yield SandboxedAgent(process, orders)


def _relay_command(folder: Path) -> list[str]:
    """What runs the relay inside, put into the folder where that is a file."""
    if is_frozen():
        return part_command(RELAY)
    shutil.copyfile(sandbox_relay.__file__, folder / _RELAY_FILE)
    return [str(interpreter()), "-I", "-S", f"{RELAY_FOLDER}/{_RELAY_FILE}"]


def _trust_in_meter(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What lets the agent reach providers by their own hosts too, such as with a login of its own: through the proxy,
    which opens those calls to meter them. Where the meter's certificate cannot be had such calls fail, unmetered."""
    try:
        certificate = ca_certificate_path().read_bytes()
        return trusting(environment, certificate, folder, RELAY_FOLDER)
    except OSError:
        return {}


def bubblewrap_command(sandbox: Sandbox, relay_folder: Path | None, *, rules: int | None) -> list[str]:
    """bubblewrap's own arguments, before the command. `rules` is the descriptor of the filter of kernel calls."""
    walls = sandbox.walls
    line = [sandbox.bwrap, *_NAMESPACES]
    # Without a filter an agent that could type into the terminal must not have it.
    line += ["--new-session"] if rules is None else ["--seccomp", str(rules)]
    for root in PRIVATE_ROOTS:
        line += ["--perms", "1777" if root != Path("/run") else "0755", "--tmpfs", str(root)]
    line += _bound("--ro-bind", walls.shown)
    line += _bound("--bind", walls.writable)
    line += _bound("--ro-bind", walls.read_only)
    for place in walls.hidden:
        if place.is_dir():
            line += ["--perms", "0700", "--tmpfs", str(place), "--remount-ro", str(place)]
        else:
            line += ["--ro-bind", os.devnull, str(place)]
    if relay_folder is not None:
        line += ["--ro-bind", str(relay_folder), RELAY_FOLDER]
    return [*line, "--chdir", str(walls.folder), "--"]


def _bound(option: str, places: Sequence[Path]) -> list[str]:
    return [word for place in places for word in (option, str(place), str(place))]


def _write_filter(file: IO[bytes]) -> bool:
    """Put the filter of kernel calls where bubblewrap reads it; whether there is one for this machine."""
    rules = syscall_filter()
    file.write(rules or b"")
    file.seek(0)
    return rules is not None


@contextmanager
def _ignored_signals() -> Iterator[None]:
    """bubblewrap starts with these ignored: from the terminal they reach the agent by themselves, and all others are
    handed on to it; what ended bubblewrap would kill the agent."""
    former = {number: signal.signal(number, signal.SIG_IGN) for number in sandbox_relay.HANDED_ON}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
