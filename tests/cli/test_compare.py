import json
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.conftest import Bursar


def test_a_bill_is_set_against_what_was_seen(bursar: Bursar, tmp_path: Path) -> None:
    assert "nothing to compare" in bursar("compare").out
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    export = tmp_path / "cost.csv"
    export.write_text(f"usage_date_utc,model,cost_usd\n{today},Claude Sonnet 5,2\n", "utf-8")
    bursar("import", "anthropic", "--from", str(export))
    (line,) = [line for line in bursar("compare").out.splitlines() if today in line]
    assert "anthropic" in line
    assert "$2.00 more than meter and logs know" in line
    (day,) = json.loads(bursar("compare", "--json").out)
    assert (day["billed_usd"], day["drift_usd"], day["wire_calls"]) == ("2.00", "2.00", 0)
