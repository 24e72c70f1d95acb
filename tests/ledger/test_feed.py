from app.ledger.engine import Ledger
from app.ledger.feed import ChangeWatch
from app.ledger.meter_state import is_paused, pause_everything
from tests.ledger.conftest import StartProcess


def test_a_commit_of_another_process_is_seen_once(ledger: Ledger, start_process: StartProcess) -> None:
    writer = start_process("write", ledger.path)
    assert writer.stdin is not None
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    watch = ChangeWatch(ledger)
    assert not watch.changed()
    for _ in range(3):
        writer.stdin.write("go\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "ready\n"
        assert watch.changed()
        assert not watch.changed()
    watch.close()


def test_a_write_of_this_process_is_seen_and_a_read_is_not(ledger: Ledger) -> None:
    watch = ChangeWatch(ledger)
    assert not is_paused(ledger)
    assert not watch.changed()
    pause_everything(ledger, by="test")
    assert watch.changed()
    watch.close()
