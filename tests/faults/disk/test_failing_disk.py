"""The disk fails at each step that SQLite takes: the ledger refuses, loses nothing that it said it had, and goes on.

By default some of the steps, all of them under `slow`.
"""

import gc
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.errors import LedgerError
from app.ledger.engine import open_ledger
from tests.faults.cells import cell
from tests.faults.disk import shim
from tests.faults.disk.scene import Scene, check, copied
from tests.faults.disk.shim import Disk, Failure, Step, is_reachable, shimmed

pytestmark = pytest.mark.skipif(not is_reachable(), reason="this Python keeps SQLite's C library to itself")

FAILURES = {
    "writing fails": ("F8", Failure(Step.WRITE, shim.FAILED_WRITE)),
    "half of it is written": ("F8", Failure(Step.WRITE, shim.FAILED_WRITE, is_half_done=True)),
    "syncing fails, and what was written is given up": ("F8", Failure(Step.SYNC, shim.FAILED_SYNC)),
    "reading fails": ("F8", Failure(Step.READ, shim.FAILED_READ)),
    "disk full from here on": ("F5", Failure(Step.WRITE, shim.FULL, lasts=True)),
    "files cannot be opened": ("F7", Failure(Step.OPEN, shim.CANNOT_OPEN, lasts=True)),
}
"""How the disk fails, with the kind of fault in the catalogue."""

PHASES: dict[str, tuple[Callable[[Scene], None], str]] = {
    "money is held": (Scene.hold, "refused; nothing that was held is free"),
    "a call is settled": (Scene.settle, "its hold stays, and it is settled when it is tried again"),
    "the WAL is carried over": (Scene.checkpoint, "nothing is lost, and it is done another time"),
    "a backup is made": (Scene.copy, "no backup, and the ledger as it was"),
    "the ledger is opened": (Scene.reopen, "no start; as it was at the next one"),
}
"""What is done meanwhile, and what is expected."""

NEVER = {
    ("reading fails", "money is held"),  # it is all in memory
    ("files cannot be opened", "money is held"),
    ("files cannot be opened", "a call is settled"),
    ("syncing fails, and what was written is given up", "a backup is made"),  # Bursar itself syncs it
}
"""What does not come about, since no such step is taken."""

CELLS = [
    pytest.param(how, phase, id=f"{how}, {phase}", marks=cell(
        {"a call is settled": "F6"}.get(phase, number) if number == "F5" else number, how, phase, expected))
    for how, (number, _) in FAILURES.items()
    for phase, (_, expected) in PHASES.items()
    if (how, phase) not in NEVER
]  # fmt: skip
TRIED_OF_EACH = 2

# Python says so of a connection that it could not make, and so nobody can close.
passes_over_unmade = pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    home = tmp_path_factory.mktemp("original") / "home"
    home.mkdir(mode=0o700)
    scene = Scene.of(home / "ledger.sqlite")
    scene.ledger.close()
    return scene


def begun(original: Scene, folder: Path) -> Scene:
    """The same ledger in a place of its own, open and in use."""
    path = copied(original.path.parent, folder)
    scene = Scene(path, open_ledger(path, checkpoints=True), dict(original.held), dict(original.ended))
    scene.hold()
    return scene


def failed_at(original: Scene, folder: Path, how: str, phase: str, nth: int) -> int:
    """Play the phase with its n-th step failing, and see to what must be true then. Returns how many steps it took."""
    failure, act = FAILURES[how][1], PHASES[phase][0]
    with shimmed() as disk:
        scene = begun(original, folder)
        with disk.counted() as taken, disk.failing(failure, nth):
            scene.attempt(lambda: act(scene))
        if phase == "the ledger is opened":
            scene.attempt(scene.ledger.close)
            scene.ledger = open_ledger(scene.path, checkpoints=True)
        scene.hold()  # by the same ledger, now that the disk is well again
        scene.settle()
        scene.ledger.close()
        gc.collect()
        check(scene.path, scene.held, scene.ended)
    return taken[failure.step]


def steps_of(original: Scene, folder: Path, how: str, phase: str) -> int:
    with shimmed() as disk:
        scene = begun(original, folder)
        with disk.counted() as taken:
            PHASES[phase][0](scene)
        scene.ledger.close()
    return taken[FAILURES[how][1].step]


@passes_over_unmade
@pytest.mark.parametrize(("how", "phase"), CELLS)
def test_a_failing_disk_costs_nothing_that_was_acknowledged(
    original: Scene, tmp_path: Path, how: str, phase: str
) -> None:
    steps = steps_of(original, tmp_path / "counted", how, phase)
    assert steps, "this fault does not come about here: it belongs into NEVER"
    for nth in sorted({number * (steps - 1) // (TRIED_OF_EACH - 1) for number in range(TRIED_OF_EACH)}):
        failed_at(original, tmp_path / str(nth), how, phase, nth)


@passes_over_unmade
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("how", "phase"), CELLS)
def test_a_disk_that_fails_at_any_step_costs_nothing_that_was_acknowledged(
    original: Scene, tmp_path: Path, how: str, phase: str
) -> None:
    for nth in range(steps_of(original, tmp_path / "counted", how, phase)):
        failed_at(original, tmp_path / str(nth), how, phase, nth)


@pytest.mark.parametrize(("how", "phase"), sorted(NEVER))
def test_what_is_said_never_to_come_about_does_not(original: Scene, tmp_path: Path, how: str, phase: str) -> None:
    assert steps_of(original, tmp_path / "counted", how, phase) == 0


@cell("F8", "syncing fails", "money is held", "the call is refused: what is not synced is not held")
def test_money_is_held_only_once_it_is_synced(original: Scene, tmp_path: Path) -> None:
    with shimmed() as disk:
        scene = begun(original, tmp_path / "home")
        with disk.failing(Failure(Step.SYNC, shim.FAILED_SYNC, lasts=True), 0), pytest.raises(LedgerError):
            scene.hold()
        scene.ledger.close()


def powerless(original: Scene, folder: Path, every: int) -> Iterator[tuple[int, Path, Scene]]:
    """A session in which the power is cut before every so many steps, each time in two ways: with the number of the
    step, what the disk holds then, and what had been acknowledged."""
    with shimmed() as disk:
        scene = begun(original, folder / "home")
        cuts: list[tuple[int, Path, Scene]] = []

        def cut() -> None:
            number = len(cuts) + 1
            steps[0] += 1
            if steps[0] % every == 0:
                home = folder / f"cut {number}"
                home.mkdir(mode=0o700)
                disk.cut_power(home, random.Random(number))
                cuts.append((steps[0], home, Scene(home, scene.ledger, dict(scene.held), dict(scene.ended))))

        steps = [0]
        disk.before = cut
        for _ in range(4):
            scene.hold()
            scene.settle()
            scene.hold()
            scene.checkpoint()
        disk.before = None
        scene.ledger.close()
    yield from cuts


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(9, marks=cell("F4", "power cut", "any step of a session", "no money that was held is free")),
        pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(900), cell(
            "F4", "power cut", "every step of a session", "no money that was held is free")]),
    ],
)  # fmt: skip
def test_a_power_cut_frees_no_money_that_was_held(original: Scene, tmp_path: Path, every: int) -> None:
    cuts = list(powerless(original, tmp_path, every))
    assert len(cuts) >= 5
    for _, home, scene in cuts:
        check(home / "ledger.sqlite", scene.held, scene.ended)


@cell("F4", "power cut", "a disk that lies about syncing", "told: such a disk is noticed by this very test")
def test_the_power_cut_is_one(original: Scene, tmp_path: Path) -> None:
    """Were nothing ever synced, what was held would be lost: the test above can fail."""

    class Lying(Disk):
        def synced(self, path: Path, *, is_done: bool) -> None:
            """Not at all."""

    with shimmed() as disk:
        disk.__class__ = Lying
        scene = begun(original, tmp_path / "home")
        scene.hold()
        home = tmp_path / "cut"
        home.mkdir(mode=0o700)
        disk._pending.clear()
        disk.cut_power(home, random.Random(0))
        scene.ledger.close()
    with pytest.raises((AssertionError, LedgerError)):
        check(home / "ledger.sqlite", scene.held, scene.ended)
