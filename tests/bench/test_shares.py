from pathlib import Path

from tests.bench.shares import PARTS, shares_of


def test_every_part_of_a_call_is_found_and_timed(tmp_path: Path) -> None:
    parts = shares_of(tmp_path, 10)

    assert all(parts[name] > 0 for name in PARTS)
