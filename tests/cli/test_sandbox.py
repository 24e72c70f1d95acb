"""`bursar run --sandbox` with the real bubblewrap: what an agent inside can and cannot do."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import paths
from app.core.assurance import Assurance
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.assurance_store import level_of
from app.ledger.call_store import recent_calls
from app.ledger.cap_store import add_cap, list_caps, remove_cap
from app.ledger.engine import Ledger, open_ledger
from app.ledger.key_store import list_keys
from app.ledger.meter_state import is_paused, pause_everything, resume, running_meter
from app.services.demo.provider import ScriptedProvider, read_script
from app.services.kept_meter import KeptMeter
from app.services.sandbox_walls import PRIVATE_ROOTS
from app.services.settings import Settings
from tests.cli.conftest import Bursar, Ran


def _makes_sandboxes() -> bool:
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        return False
    line = [
        "bwrap",
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "true",
    ]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(not _makes_sandboxes(), reason="bubblewrap is not installed or not allowed here"),
]

PROVIDER_KEY = "sk-test-provider-key"
Tries = Callable[..., Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home of Bursar's for all of this file, since a meter takes its time to start."""
    folder = tmp_path_factory.mktemp("bursar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURSAR_HOME", str(folder))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("COLUMNS", "200")
        yield folder


@pytest.fixture(scope="module")
def ledger(home: Path) -> Iterator[Ledger]:
    opened = open_ledger(home / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    script = read_script(paths.resources_folder() / "demo" / "provider.json")
    serving = ScriptedProvider(script, PROVIDER_KEY, delay_s=0.0)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture(scope="module", autouse=True)
def meter(ledger: Ledger, provider: ScriptedProvider) -> Iterator[KeptMeter]:
    """A running meter in front of the scripted provider, whose address its HTTPS proxy may reach too."""
    allowed = (provider.url.removeprefix("http://"),)
    settings = Settings(
        gateway_port=0, forward_port=0, upstreams={"anthropic": provider.url}, private_destinations=allowed
    )
    running = KeptMeter(settings, ledger.path, {"anthropic": PROVIDER_KEY})
    yield running
    running.stop()


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home."""
    folder = tmp_path / "person"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository that the agent is started in."""
    folder = tmp_path / "billing-api"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tried(bursar: Bursar, person: Path, project: Path) -> Tries:
    """Runs Python in the sandbox and gives what it put into `told`."""

    def run(code: str, *options: str) -> Any:
        text = f"import json, os, socket, subprocess, sys\ntold = None\n{code}\n"
        (project / "agent.py").write_text(text + "open('told.json', 'w').write(json.dumps(told))\n")
        ran: Ran = bursar("run", "--sandbox", *options, "--", sys.executable, "agent.py")
        assert ran.status == 0, ran.err
        return json.loads((project / "told.json").read_text())

    return run


SDK_CALL = """
import anthropic
client = anthropic.Anthropic(max_retries=0)
message = client.messages.create(model="claude-opus-4-8", max_tokens=100, messages=[{"role": "user", "content": "hi"}])
told = message.type
"""


def test_a_real_sdk_call_goes_through_the_meter_and_is_metered(
    tried: Tries, ledger: Ledger, provider: ScriptedProvider
) -> None:
    assert tried(SDK_CALL) == "message"
    [call] = recent_calls(ledger)
    assert (call.tags.project, call.cost_nano_usd) == ("billing-api", provider.bill_nano_usd)
    assert provider.bill_nano_usd > 0
    assert list_keys(ledger) == []
    assert level_of(ledger, call.tags.virtual_key_id) is Assurance.SANDBOXED


def test_a_provider_called_by_its_own_host_is_metered_too(
    tried: Tries, ledger: Ledger, provider: ScriptedProvider
) -> None:
    """As an agent does that takes no base URL. It trusts the meter's certificate, and the internet's as before."""
    before = provider.bill_nano_usd
    code = SDK_CALL.replace("(max_retries=0)", "(max_retries=0, base_url='https://api.anthropic.com')")
    assert tried(code) == "message"
    assert provider.bill_nano_usd > before
    assert recent_calls(ledger)[0].tags.project == "billing-api"


@pytest.fixture
def listener(person: Path) -> Iterator[tuple[str, str, int]]:
    """Servers of other programs: a socket file in the home, an abstract one, and a port of this machine."""
    with socket.socket(socket.AF_UNIX) as file, socket.socket(socket.AF_UNIX) as abstract, socket.socket() as tcp:
        (person / "agent").mkdir()
        file.bind(str(person / "agent" / "ssh.sock"))
        abstract.bind(f"\0bursar-test-{os.getpid()}")
        tcp.bind(("127.0.0.1", 0))
        for server in (file, abstract, tcp):
            server.listen()
        yield str(person / "agent" / "ssh.sock"), abstract.getsockname().decode(), tcp.getsockname()[1]


@pytest.mark.parametrize("offline", [False, True])
def test_nothing_but_the_meter_is_reached(
    tried: Tries, listener: tuple[str, str, int], offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, abstract, port = listener
    for name in ("DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DISPLAY"):
        monkeypatch.setenv(name, file)
    code = f"""
import errno, http.client
told = []
def connects(family, address):
    with socket.socket(family) as client:
        client.settimeout(5)
        try:
            client.connect(address)
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error))
    return "connected"
told.append(connects(socket.AF_UNIX, {file!r}))
told.append(connects(socket.AF_UNIX, {abstract!r}))
told.append(connects(socket.AF_INET, ("127.0.0.1", {port})))
told.append(connects(socket.AF_INET, ("192.0.2.1", 443)))
base = os.environ["OPENAI_BASE_URL"].split("/")[2]
client = http.client.HTTPConnection(base)
client.request("GET", "/bursar/health")
told.append(client.getresponse().status)
proxy = os.environ.get("HTTPS_PROXY", "").rpartition("@")[2]
if proxy:
    client = http.client.HTTPConnection(proxy)
    client.request("GET", "http://127.0.0.1:{port}/")
    told.append(client.getresponse().status)
told.append([name for name in os.environ if "DBUS" in name or "SOCK" in name or "RUNTIME" in name or "DISPLAY" in name])
"""
    options = ("--offline",) if offline else ()
    through_proxy = [] if offline else [502]
    refused, unreachable = "ECONNREFUSED", "ENETUNREACH"
    assert tried(code, *options) == [refused, refused, refused, unreachable, 200, *through_proxy, []]


def test_the_internet_is_reached_through_the_meters_walls_only(tried: Tries, provider: ScriptedProvider) -> None:
    """Which hosts the HTTPS proxy connects to, its own tests say; here one that settings allow stands for them all."""
    code = f"""
import urllib.request
told = []
for handler in (urllib.request.ProxyHandler(), urllib.request.ProxyHandler({{}})):
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ""
    try:
        told.append(urllib.request.build_opener(handler).open("{provider.url}/nothing").status)
    except urllib.error.HTTPError as error:
        told.append(error.code)
    except urllib.error.URLError as error:
        told.append(type(error.reason).__name__)
"""
    assert tried(code) == [501, "ConnectionRefusedError"]


def test_secrets_are_hidden_and_only_the_project_is_written(
    tried: Tries, ledger: Ledger, home: Path, person: Path, project: Path, meter: KeptMeter
) -> None:
    files = [home / "ledger.sqlite", home / "meter" / "mitmproxy-ca.pem"]
    for name in (".ssh/id", ".gnupg/key", ".local/share/keyrings/login.keyring", ".netrc"):
        (person / name).parent.mkdir(parents=True, exist_ok=True)
        (person / name).write_text("secret")
        files.append(person / name)
    (person / "notes.txt").write_text("not a secret")
    places = [
        str(place) for place in (home / "new", person / "new", project / "new", "/etc/new", PRIVATE_ROOTS[0] / "new")
    ]
    code = f"""
def read(path):
    try:
        return len(open(path, "rb").read())
    except OSError as error:
        return type(error).__name__
def write(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "written"
told = [[read(path) for path in {[str(file) for file in files]!r}], read({str(person / "notes.txt")!r})]
told.append([write(path) for path in {places!r}])
told.append(os.listdir({str(home)!r}))
"""
    gone, ro = "FileNotFoundError", "Read-only file system"
    assert tried(code) == [[*[gone] * 5, "PermissionError"], 12, [ro, ro, "written", ro, "written"], []]
    assert (project / "new").exists()
    assert not (PRIVATE_ROOTS[0] / "new").exists()


def test_the_meter_is_not_seen_nor_traced_and_the_terminal_not_typed_into(
    tried: Tries, ledger: Ledger, meter: KeptMeter
) -> None:
    running = running_meter(ledger)
    assert running is not None
    code = f"""
import ctypes, fcntl
libc = ctypes.CDLL(None, use_errno=True)
def outcome(result):
    return "done" if result != -1 else os.strerror(ctypes.get_errno())
told = [os.path.exists("/proc/{running.pid}"), sum(name.isdigit() for name in os.listdir("/proc")) < 10]
told.append(outcome(libc.ptrace(16, {running.pid}, None, None)))
told.append(outcome(libc.kill({running.pid}, 9)))
told.append(outcome(libc.ioctl(0, 0x5412, b"x")))
told.append(outcome(libc.ioctl(0, ctypes.c_ulong(0x100005412), b"x")))
told.append(outcome(libc.syscall({250 if os.uname().machine == "x86_64" else 219}, 0, -3, 0)))
told.append(open("/proc/self/status").read().split("CapEff:")[1].split()[0].strip("0"))
"""
    no_process, no = "No such process", "Operation not permitted"
    assert tried(code) == [False, True, no_process, no_process, no, no, no, ""]


AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_the_walls_cannot_be_taken_down_and_git_runs_nothing_new(tried: Tries, person: Path, project: Path) -> None:
    for name in ("config", "HEAD"):
        (project / ".git" / name).write_text("ref: refs/heads/main\n")
    (project / ".git" / "hooks").mkdir()
    (person / ".ssh").mkdir()
    (person / ".ssh" / "id").write_text("secret")
    code = f"""
def tries(act):
    try:
        return act() or "done"
    except OSError as error:
        return "refused"
def sh(line):
    return "done" if subprocess.run(line, shell=True, capture_output=True).returncode == 0 else "refused"
setting = "/proc/sys/kernel/core_pattern"
told = [
    tries(lambda: open(setting, "r+").write("core")),
    tries(lambda: open(".git/config", "a").close()),
    tries(lambda: open(".git/hooks/pre-commit", "w").close()),
    tries(lambda: os.rename(".git", ".other")),
    tries(lambda: os.rename(".git/hooks", ".git/other")),
    tries(lambda: open(".git/index", "w").close()),
    sh("umount {person}/.ssh"),
    sh("unshare --user --map-root-user --mount sh -c 'umount -l {person}/.ssh && cat {person}/.ssh/id'"),
    sh("unshare --user --map-root-user --mount sh -c 'mount -o remount,bind,rw {person} && touch {person}/new'"),
]
"""
    assert tried(code) == [*["refused"] * 5, "done", *["refused"] * 3]


CONTROL = [
    ["caps", "raise", "billing-api", "100"], ["caps", "add", "100", "--each", "day"], ["caps", "list"],
    ["approvals", "approve"], ["approvals", "raise", "5"], ["resume"], ["keys", "issue", "mine"], ["keys", "list"],
    ["ledger", "verify", "--repair"], ["prices", "set", "--host", "127.0.0.1", "--free"], ["spend"],
]  # fmt: skip


def test_no_command_of_bursars_changes_or_reads_anything(tried: Tries, ledger: Ledger, home: Path) -> None:
    cap = add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.DAY, limit_nano_usd=1, time_zone="UTC"
    )
    meter = running_meter(ledger)
    pause_everything(ledger, "me")
    code = f"""
import io
from contextlib import redirect_stderr, redirect_stdout
from app.cli.main import run_command
os.environ["BURSAR_HOME"] = {str(home)!r}
def run(words):
    sys.argv = ["bursar", *words]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        try:
            run_command()
        except SystemExit as ended:
            return [ended.code, out.getvalue()]
told = [run(["--help"])[0], [run(words) for words in {CONTROL!r}]]
"""
    statuses = tried(code)
    assert is_paused(ledger)
    resume(ledger, "me")
    assert statuses == [0, [[1, ""]] * len(CONTROL)]
    assert [(kept.cap_id, kept.limit_nano_usd) for kept in list_caps(ledger)] == [(cap.cap_id, 1)]
    assert list_keys(ledger) == []
    assert meter == running_meter(ledger)
    remove_cap(ledger, cap.cap_id)


@pytest.mark.usefixtures("person", "project")
class TestTheAgentIsAtHome:
    """Exit status, signals, terminal."""

    def test_its_status_is_the_runs(self, bursar: Bursar) -> None:
        assert bursar("run", "--sandbox", "--", "sh", "-c", "exit 9").status == 9
        assert bursar("run", "--sandbox", "--", "sh", "-c", "kill -9 $$").status == 137

    def test_a_missing_command_has_status_127(self, bursar: Bursar) -> None:
        ran = bursar("run", "--sandbox", "--", "no-such-agent-anywhere")
        assert (ran.status, ran.err.splitlines()[0]) == (127, "No such command")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_reaches_it(self, project: Path, number: int) -> None:
        code = f"""
import pathlib, signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(42))
pathlib.Path("ready").touch()
time.sleep(60)
"""
        running = subprocess.Popen(
            [sys.executable, "-m", "app", "run", "--sandbox", "--", sys.executable, "-c", code],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _wait_for((project / "ready").exists)
        os.kill(running.pid, number)
        _, told = running.communicate(timeout=30)
        assert running.returncode == 42
        assert "bursar: 0 calls" in told

    def test_ctrl_c_in_its_terminal_reaches_it_once_and_ends_nothing_else(self, project: Path) -> None:
        code = """
import os, sys, time
assert os.isatty(0) and open("/dev/tty").isatty()
for round in range(2):
    try:
        open(f"ready{round}", "w").close()
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", round, flush=True)
sys.exit(43)
"""
        line = [sys.executable, "-m", "app", "run", "--sandbox", "--", sys.executable, "-c", code]
        terminal, its_end = pty.openpty()
        running = subprocess.Popen(
            [sys.executable, "-c", AT_TERMINAL, *line],
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
        )
        os.close(its_end)
        for round_number in range(2):
            _wait_for((project / f"ready{round_number}").exists)
            os.write(terminal, b"\x03")
        told = _read_all(terminal)
        os.close(terminal)
        assert running.wait(timeout=30) == 43, told
        assert "interrupted 0" in told
        assert "interrupted 1" in told

    def test_nothing_of_it_is_left_when_the_run_is_killed(self, project: Path) -> None:
        code = "import os, pathlib, time; pathlib.Path('mark').write_text(os.urandom(8).hex()); time.sleep(300)"
        running = subprocess.Popen(
            [sys.executable, "-m", "app", "run", "--quiet", "--sandbox", "--", sys.executable, "-c", code, "k3-mark"],
            stdin=subprocess.DEVNULL,
        )
        _wait_for((project / "mark").exists)
        assert _processes_with("k3-mark") > 1
        running.kill()
        running.wait()
        _wait_for(lambda: _processes_with("k3-mark") == 0)


@pytest.mark.usefixtures("person")
class TestWhereItIsAsked:
    def test_a_repository_may_ask_for_it_and_a_person_may_not_want_it(self, bursar: Bursar, project: Path) -> None:
        (project / ".bursar.toml").write_text("sandbox = true\n")
        assert "Assurance: sandboxed" in bursar("run", "--", "true").err
        assert "Assurance: cooperative" in bursar("run", "--no-sandbox", "--", "true").err

    def test_a_repository_cannot_take_it_away(self, bursar: Bursar, project: Path) -> None:
        (project / ".bursar.toml").write_text("sandbox = false\n")
        assert "Assurance: sandboxed" in bursar("run", "--sandbox", "--", "true").err

    def test_without_bubblewrap_nothing_is_started(
        self, bursar: Bursar, project: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = len(list_keys(ledger, include_revoked=True))
        (project / "bin").mkdir()
        (project / "bin" / "agent").symlink_to("/bin/true")
        monkeypatch.setenv("PATH", str(project / "bin"))
        ran = bursar("run", "--sandbox", "--", "agent")
        assert (ran.status, ran.err.splitlines()[0]) == (1, "bubblewrap is not installed")
        assert len(list_keys(ledger, include_revoked=True)) == before

    def test_a_home_is_no_project(self, bursar: Bursar, person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(person)
        ran = bursar("run", "--sandbox", "--", "true")
        assert (ran.status, ran.err.splitlines()[0]) == (1, "Too wide for a sandbox")


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _read_all(terminal: int) -> str:
    told = b""
    try:
        while chunk := os.read(terminal, 4096):
            told += chunk
    except OSError:  # the other side of a terminal is closed
        pass
    return told.decode(errors="replace")


def _processes_with(mark: str) -> int:
    found = 0
    for folder in Path("/proc").iterdir():
        try:
            found += folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes()
        except OSError:
            continue
    return found
