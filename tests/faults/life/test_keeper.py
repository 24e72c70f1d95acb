"""The keeper with a played meter: what it does when meters die, will not start, or are replaced."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.ledger.attendance import attend_run
from app.ledger.engine import open_ledger
from app.ledger.meter_state import InstanceLock, register_meter
from app.services import keeper
from app.services.doctor.finding import Level
from app.services.doctor.machine import meter_findings
from app.services.keeper import TRY_AGAIN, KeeperPhase, end_keeper, is_running, keepers_of, orphan_of, renew_meter
from app.services.meter import renew_older
from app.services.settings import Settings
from app.services.shared_meter import shared_meter
from proxy_addon.keeper.refusing import MOST, SENTENCE
from tests.end2end.meter_process import read_event, wait_until
from tests.faults.cells import cell
from tests.faults.life.kept import FREE, Played, call, played

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no keeper on Windows"),
]
REASON = "The ledger cannot be opened. Free some space."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("BURSAR_HOME", str(home))
    return home


@pytest.fixture
def kept(folder: Path) -> Iterator[Played]:
    with played(folder) as started:
        yield started


@pytest.fixture
def blocked(kept: Played) -> Played:
    """It has served, and will not start again."""
    kept.wait_for(KeeperPhase.RUNNING)
    kept.behave("fail")
    kept.kill_meter()
    kept.wait_for(KeeperPhase.BLOCKED)
    return kept


@pytest.mark.parametrize("number", [
    pytest.param(signal.SIGKILL, marks=cell("F1", "meter killed", "idle", "another at the same place, at once")),
    pytest.param(signal.SIGSEGV, marks=cell("F1", "meter crashes", "idle", "another at the same place, at once")),
    pytest.param(signal.SIGABRT, marks=cell("F45", "meter aborts for want of memory", "idle",
                                            "another at the same place, at once")),
])  # fmt: skip
def test_a_meter_that_dies_is_replaced(kept: Played, number: int) -> None:
    before = kept.kill_meter(number)
    status, answered = kept.call(before.gateway_port)
    assert (status, answered) == (200, str(kept.wait_for_another(before).meter_pid))
    assert kept.keeper().gateway_port == before.gateway_port
    assert signal.Signals(number).name in kept.log()


@cell("F1", "meter killed", "callers come", "none is refused: they wait in the socket's queue")
def test_callers_wait_while_there_is_no_meter(kept: Played) -> None:
    before = kept.kill_meter()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: kept.call(before.gateway_port), range(100)))
    assert [status for status, _ in answers] == [200] * 100


@cell("F1", "meter killed", "starting again", "another is started")
def test_a_meter_that_is_killed_while_it_starts_is_replaced(kept: Played) -> None:
    kept.behave("hang")
    before = kept.kill_meter()
    wait_until(lambda: len(kept.starts()) == 2, "the second start")
    kept.behave("serve")
    os.kill(int(kept.starts()[-1][0]), signal.SIGKILL)
    assert kept.wait_for_another(before).meter_pid == int(kept.starts()[-1][0])
    assert len(kept.starts()) == 3


@cell(
    "F1", "meter killed", "keys were handed over on standard input", "the next one has them, and nobody else sees them"
)
def test_the_next_meter_has_the_keys_too(folder: Path) -> None:
    keys = b'{"openai": "sk-secret"}\n'
    with played(folder, keys=keys) as kept:
        kept.wait_for_another(kept.kill_meter())
        assert [given for _, given in kept.starts()] == [keys.decode().strip()] * 2
        kept.process.stdin.close()  # type: ignore[union-attr]
        assert kept.process.wait(20) == 0
    told = [file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name not in ("starts",)]
    assert not any(b"sk-secret" in text for text in told)


@cell("F2", "whoever started it killed", "in use", "keeper and meter go on")
def test_it_outlives_who_started_it(folder: Path) -> None:
    (folder / "mode").write_text("serve")
    starter = (
        "import os, pathlib, subprocess, sys; from app.services.keeper import keeper_command;"
        "from tests.faults.life.kept import FREE, PLAYED; folder = pathlib.Path(sys.argv[1]);"
        "command = keeper_command([sys.executable, str(PLAYED), str(folder)], FREE, folder / 'ledger.sqlite');"
        "subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE).stdout.readline();"
        "os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    died = subprocess.run([sys.executable, "-c", starter, str(folder)], env=environment, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    (keeper,) = keepers_of(folder / "ledger.sqlite")
    assert call(keeper.gateway_port) == (200, str(keeper.meter_pid))
    end_keeper(keeper)
    wait_until(lambda: not keepers_of(folder / "ledger.sqlite"), "its end")
    assert not is_running(keeper.meter_pid)


@cell("F3", "keeper killed", "in use", "the meter goes on, and what it is charged for is known")
def test_a_meter_outlives_its_keeper(kept: Played) -> None:
    before = kept.keeper()
    kept.process.kill()
    kept.process.wait()
    assert keepers_of(kept.ledger) == []
    assert orphan_of(kept.ledger, before.pid) == before.meter_pid
    assert call(before.gateway_port) == (200, str(before.meter_pid))


@cell("F3", "keeper killed", "its owner ends", "the meter ends with it")
def test_an_orphan_ends_with_the_owner(kept: Played) -> None:
    before = kept.keeper()
    kept.process.kill()
    kept.process.wait()
    kept.process.stdin.close()  # type: ignore[union-attr]
    wait_until(lambda: orphan_of(kept.ledger, before.pid) == 0, "the meter's end")


@cell("F3", "keeper and meter killed", "started anew", "the same place is to be had at once")
def test_after_both_were_killed_the_place_is_free(kept: Played, folder: Path) -> None:
    before = kept.keeper()
    assert kept.call()[0] == 200
    os.killpg(kept.process.pid, signal.SIGKILL)
    kept.process.wait()
    wait_until(lambda: _is_refused(before.gateway_port), "the end of both")
    ports = replace(FREE, gateway_port=before.gateway_port, forward_port=before.forward_port)
    with played(folder, settings=ports) as again:
        assert again.call(before.gateway_port)[0] == 200


def _is_refused(port: int) -> bool:
    try:
        call(port)
    except ConnectionRefusedError:
        return True
    except ConnectionError:  # the meter is on its way out
        return False
    return False


@cell(
    "F45", "meter dies again and again", "at the fifth time in a minute", "given up: no start more, and the reason told"
)
def test_after_five_deaths_it_is_given_up(blocked: Played) -> None:
    keeper = blocked.keeper()
    assert (keeper.deaths, keeper.reason, keeper.meter_pid) == (5, REASON, 0)
    assert keeper.trouble.startswith("The meter stopped 5 times within a minute")
    assert "meter.log" in keeper.trouble
    assert len(blocked.starts()) == 5
    for _ in range(3):
        assert blocked.call(keeper.gateway_port)[0] == 503
    assert len(blocked.starts()) == 5, "callers start none"
    assert "none is started until somebody says so" in blocked.log()


@pytest.mark.parametrize(("door", "method", "path"), [
    pytest.param("gateway", "POST", "/openai/v1/responses", marks=cell(
        "F45", "meter given up", "a call by base URL", "503 that says what to do, and not to try again")),
    pytest.param("forward", "CONNECT", "api.openai.com:443", marks=cell(
        "F45", "meter given up", "a call through the HTTPS proxy", "503 that says what to do, and not to try again")),
])  # fmt: skip
def test_callers_are_told_while_it_is_given_up(blocked: Played, door: str, method: str, path: str) -> None:
    port = blocked.keeper().gateway_port if door == "gateway" else blocked.keeper().forward_port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n".encode())
        caller.sendall(b"x" * 500_000)
        caller.shutdown(socket.SHUT_WR)
        heard = b"".join(iter(lambda: caller.recv(65_536), b""))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"x-should-retry: false" in head
    assert json.loads(body)["error"]["message"] == SENTENCE


@cell(
    "F45", "meter given up", "many callers that say nothing and stay", "others are still answered; descriptors bounded"
)
def test_silent_callers_do_not_keep_others_from_their_answer(blocked: Played) -> None:
    port = blocked.keeper().gateway_port
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(MOST * 2)]
    assert blocked.call(port)[0] == 503
    assert len(list(Path(f"/proc/{blocked.process.pid}/fd").iterdir())) < MOST + 20
    for one in silent:
        one.close()


@cell("F45", "meter given up", "a person says to try again", "one is started, and serves")
def test_it_tries_again_when_a_person_says_so(blocked: Played) -> None:
    blocked.behave("serve")
    renew_meter(blocked.keeper())
    keeper = blocked.wait_for(KeeperPhase.RUNNING)
    assert (keeper.deaths, keeper.reason, keeper.trouble) == (0, "", "")
    assert blocked.call() == (200, str(keeper.meter_pid))


@cell("F45", "meter given up", "bursar doctor", "wrong, with the reason, the log and what to do")
def test_the_doctor_tells_a_meter_that_was_given_up(blocked: Played) -> None:
    ledger = open_ledger(blocked.ledger)
    (finding,) = meter_findings(ledger, Settings())
    ledger.close()
    assert (finding.level, finding.title, finding.fix) == (Level.WRONG, "The meter keeps stopping", TRY_AGAIN)
    assert REASON in finding.meaning
    assert "meter.log" in finding.meaning


@cell("F45", "meter given up", "bursar run", "told when the agent has ended, with the reason and what to do")
def test_a_run_tells_a_meter_that_was_given_up(kept: Played) -> None:
    keeper = kept.wait_for(KeeperPhase.RUNNING)
    ledger = open_ledger(kept.ledger)
    meter = InstanceLock(ledger)
    gateway, forward = (f"http://127.0.0.1:{port}" for port in (keeper.gateway_port, keeper.forward_port))
    register_meter(ledger, meter.instance_id, gateway, forward)
    with shared_meter(ledger, Settings()) as shared:
        assert shared.trouble() == ""
        kept.behave("fail")
        kept.kill_meter()
        meter.release()
        kept.wait_for(KeeperPhase.BLOCKED)
        assert REASON in shared.trouble()
        assert shared.trouble().endswith(f"Try again with: {TRY_AGAIN}")
    assert len(kept.starts()) == 5, "the run started none"
    ledger.close()


@cell("F45", "meter given up", "bursar proxy restart", "one is started, and the command says so")
def test_the_command_tries_again(blocked: Played) -> None:
    blocked.behave("serve")
    command = [sys.executable, "-m", "app", "proxy", "restart"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, "A new meter serves." in done.stdout) == (0, True), done.stderr
    assert blocked.call()[0] == 200


@cell("F45", "meter given up", "told to stop", "it ends at once")
def test_one_that_is_given_up_can_be_ended(blocked: Played) -> None:
    end_keeper(blocked.keeper())
    assert blocked.process.wait(20) == 0
    assert keepers_of(blocked.ledger) == []


@cell("F45", "meter given up", "it was started for runs, and none is left", "the keeper ends")
def test_one_for_runs_ends_with_the_last(folder: Path) -> None:
    ledger = open_ledger(folder / "ledger.sqlite")
    run = attend_run(ledger)
    with played(folder, for_runs=True) as kept:
        kept.wait_for(KeeperPhase.RUNNING)
        kept.behave("die")
        kept.kill_meter()
        kept.wait_for(KeeperPhase.BLOCKED)
        with pytest.raises(subprocess.TimeoutExpired):
            kept.process.wait(2)
        run.release()
        assert kept.process.wait(20) == 0
    ledger.close()


@cell("F45", "meter will not start", "the first time", "no loop: it ends, with the reason")
def test_a_first_meter_that_fails_is_told_at_once(folder: Path) -> None:
    with played(folder, "fail") as kept:
        assert kept.event["title"] == "The ledger cannot be opened"
        assert kept.process.wait(20) == 3
        assert len(kept.starts()) == 1
        assert keepers_of(kept.ledger) == []


IN_A_HURRY = keeper._START.replace(
    "from proxy_addon.keeper.__main__",
    "from proxy_addon.keeper import keeping; keeping.READY_WITHIN_S = 1.0; from proxy_addon.keeper.__main__",
)
"""Starts a keeper that waits for a meter a second, not a minute."""


@cell("F45", "meter hangs", "the first time it starts", "killed after a minute, and told")
def test_a_meter_that_hangs_at_its_start_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "READY_WITHIN_S" in IN_A_HURRY
    monkeypatch.setattr(keeper, "_START", IN_A_HURRY)
    with played(folder, "hang") as kept:
        assert kept.process.wait(30) == 1
        assert read_event(kept.process)["title"] == "The meter was not ready in time"


@cell("F45", "meter will not start", "the first time, as a service", "tried five times, then given up and told")
def test_a_service_stays_although_its_first_meter_fails(folder: Path) -> None:
    with played(folder, "fail", stays=True) as kept:
        assert kept.wait_for(KeeperPhase.BLOCKED).reason == REASON
        assert len(kept.starts()) == 5


@cell("F35", "port in use by another program", "at the start", "told, with whose the port is; nothing is started")
def test_a_port_in_use_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with played(folder, settings=replace(FREE, gateway_port=port)) as kept:
            assert kept.event["title"] == f"Port {port} is in use"
            if sys.platform == "linux":
                assert f"(process {os.getpid()}) listens there." in str(kept.event["message"])
            assert kept.process.wait(20) == 3
            assert kept.starts() == []


@cell("F39", "two keepers at one port", "at the start", "the second is told so; the first goes on")
def test_a_second_keeper_does_not_take_the_place(kept: Played, folder: Path) -> None:
    first = kept.keeper()
    with played(folder, settings=replace(FREE, gateway_port=first.gateway_port)) as second:
        assert second.process.wait(20) == 3
    assert kept.call() == (200, str(first.meter_pid))


@cell("F48", "meter replaced", "in use", "the new one takes new callers, the old one ends what it has")
def test_a_new_meter_takes_the_place_and_the_old_one_leaves(kept: Played) -> None:
    before = kept.wait_for(KeeperPhase.RUNNING)
    renew_meter(before)
    now = kept.wait_for_another(before)
    assert kept.call() == (200, str(now.meter_pid))
    assert is_running(before.meter_pid)
    (kept.folder / "left").touch()
    wait_until(lambda: not is_running(before.meter_pid), "the old one's end")
    assert kept.call() == (200, str(now.meter_pid))
    assert kept.process.poll() is None


@cell("F48", "meter replaced", "callers come all the time", "none is refused or lost")
def test_no_caller_is_lost_while_meters_are_replaced(kept: Played) -> None:
    (kept.folder / "left").touch()
    port = kept.wait_for(KeeperPhase.RUNNING).gateway_port
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(call, port) for _ in range(400)]
        for _ in range(3):
            before = kept.wait_for(KeeperPhase.RUNNING)
            renew_meter(before)
            kept.wait_for_another(before)
        assert [one.result()[0] for one in answers] == [200] * 400


@cell("F48", "new meter will not start", "replacing", "the old one goes on, and the reason is told")
def test_an_old_meter_goes_on_when_the_new_one_fails(kept: Played) -> None:
    before = kept.wait_for(KeeperPhase.RUNNING)
    kept.behave("fail")
    renew_meter(before)
    wait_until(lambda: kept.keeper().reason == REASON, "the reason")
    assert kept.keeper().phase is KeeperPhase.RUNNING
    assert kept.call() == (200, str(before.meter_pid))


@cell("F48", "old meter killed", "while the new one starts", "the new one serves; no third is started")
def test_a_new_meter_serves_although_the_old_one_died(kept: Played) -> None:
    before = kept.wait_for(KeeperPhase.RUNNING)
    kept.behave("hang")
    renew_meter(before)
    wait_until(lambda: len(kept.starts()) == 2, "the new one's start")
    os.kill(before.meter_pid, signal.SIGKILL)
    wait_until(lambda: kept.keeper().meter_pid == int(kept.starts()[-1][0]), "the new one in its place")
    assert len(kept.starts()) == 2


@cell("F48", "Bursar upgraded", "the new version's tray starts", "the old version's meter is replaced, once")
def test_the_meter_of_an_older_version_is_replaced_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("app.services.keeper.own_version", lambda: "0.0.1")
        with played(folder) as kept:
            before = kept.wait_for(KeeperPhase.RUNNING)
            assert before.version == "0.0.1"
            assert renew_older(FREE, kept.ledger) == 0
            patch.undo()
            assert renew_older(FREE, kept.ledger) == 1
            kept.wait_for_another(before)
            assert renew_older(FREE, kept.ledger) == 0
            assert len(kept.starts()) == 2


@cell("F48", "meter replaced", "another command was left for it", "it is started with that")
def test_the_next_meter_is_started_with_the_command_of_now(kept: Played, tmp_path: Path) -> None:
    before = kept.wait_for(KeeperPhase.RUNNING)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mode").write_text("serve")
    script = str(Path(__file__).with_name("played_meter.py"))
    renew_meter(before, [sys.executable, script, str(elsewhere), "--stop-with-stdin"])
    kept.wait_for_another(before)
    assert len((elsewhere / "starts").read_text().splitlines()) == 1
    assert not list(kept.folder.rglob("*.command"))


@cell("F48", "told to stop", "while an old meter leaves", "both end")
def test_all_meters_end_when_it_is_told_to_stop(kept: Played) -> None:
    before = kept.wait_for(KeeperPhase.RUNNING)
    renew_meter(before)
    now = kept.wait_for_another(before)
    end_keeper(now)
    assert kept.process.wait(20) == 0
    assert not is_running(before.meter_pid)
    assert not is_running(now.meter_pid)


@cell("F1", "meter asked to end", "in use", "the keeper ends with it, and starts no other")
def test_a_meter_that_was_asked_to_end_ends_its_keeper(kept: Played) -> None:
    os.kill(kept.wait_for(KeeperPhase.RUNNING).meter_pid, signal.SIGTERM)
    assert kept.process.wait(20) == 0
    assert len(kept.starts()) == 1
    assert keepers_of(kept.ledger) == []


@cell("F4", "note of a keeper that was killed", "read", "nobody is taken for a keeper that is none")
def test_what_a_dead_keeper_said_is_not_believed(kept: Played) -> None:
    note = kept.keeper().note
    kept.process.kill()
    kept.process.wait()
    assert note.exists()
    assert keepers_of(kept.ledger) == []


def test_it_is_small(kept: Played) -> None:
    kept.wait_for(KeeperPhase.RUNNING)
    status = Path(f"/proc/{kept.process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 16_000, "kilobytes; 11 to 12 thousand were measured"
