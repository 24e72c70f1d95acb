from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.tags import Scope
from app.desktop.models.chart_range import ChartRange
from app.desktop.models.spend_view import spend_columns, spend_lines, stretches
from app.ledger.spend import Spend

NOW = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)


def spend(key: str, cost: int, unpriced: int = 0) -> Spend:
    return Spend(key, 3, 0, 0, 0, 0, 0, 0, cost, unpriced, 0)


def test_lines_tell_share_and_change() -> None:
    lines = spend_lines([spend("a", 60), spend("b", 30, 1), spend("", 10)], [spend("a", 50), spend("b", 40)])
    columns = {column.title: column for column in spend_columns(Scope.AGENT)}
    told = [[columns[title].text(line) for title in ("Agent", "Share", "Change")] for line in lines]
    assert told == [["a", "60%", "+20%"], ["b", "30%", "−25%"], ["Not told", "10%", "new"]]
    assert [round(line.of_largest, 2) for line in lines] == [1, 0.5, 0.17]
    assert columns["Spend"].text(lines[1]) == "<$0.01+"
    assert spend_lines([spend("a", 0)], [])[0].change == ""


def test_a_month_is_compared_with_as_much_of_the_month_before() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    (start, end), (earlier, earlier_end) = stretches(ChartRange.MONTH, NOW, berlin)
    assert start.astimezone(berlin) == datetime(2026, 11, 1, tzinfo=berlin)
    assert end == NOW
    assert earlier.astimezone(berlin) == datetime(2026, 10, 1, tzinfo=berlin)
    assert earlier_end - earlier == end - start


def test_a_month_is_never_compared_with_more_than_the_whole_one_before() -> None:
    (start, _end), (_earlier, earlier_end) = stretches(ChartRange.MONTH, datetime(2026, 3, 31, 12, tzinfo=UTC), UTC)
    assert earlier_end == start


def test_other_ranges_are_compared_with_the_stretch_before() -> None:
    for chosen in (ChartRange.HOUR, ChartRange.DAY, ChartRange.WEEK):
        (start, end), (earlier, earlier_end) = stretches(chosen, NOW, UTC)
        assert earlier_end == start
        assert end - start == earlier_end - earlier > timedelta(minutes=50)
