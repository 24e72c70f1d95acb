import pytest

from app.ledger.database_version import Version, is_mended, sqlite_version


@pytest.mark.parametrize(
    ("version", "mended"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 53, 0), True),
        ((3, 60, 1), True),
    ],
)
def test_a_version_is_free_of_the_fault_or_not(version: Version, mended: bool) -> None:
    assert is_mended(version) is mended


def test_the_version_in_use_is_known() -> None:
    assert sqlite_version() > (3, 35, 0)
