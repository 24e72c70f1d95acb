import sqlite3
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.core.history import BillSource
from app.ledger.engine import Ledger
from app.services.imports.provider_bills import import_bill

OPENAI = """start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.8958740000000000,usd,"gpt-5.4, input",p1
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.10,usd,"gpt-5.4, input",p2
1759708800,1759795200,2025-10-06T00:00:00+00:00,2025-10-07T00:00:00+00:00,,,,
1759795200,1759881600,2025-10-07T00:00:00+00:00,2025-10-08T00:00:00+00:00,0.5,eur,"gpt-5.4, input",p1
"""
ANTHROPIC = """usage_date_utc,model,workspace,api_key,token_type,cost_usd,list_price_usd
2026-08-04,Claude Haiku 4.5,Default,k,input_no_cache,0.05,0.10
2026-08-04,Claude Haiku 4.5,Default,k,output,0.02,0.02
2026-08-05,Claude Opus 4.5,Default,k,output,"1,000.30",0.30
2026-08-06,Claude Opus 4.5,Default,k,output,much,0.30
"""
OPENROUTER = """generation_id,created_at,cost_total,model_permaslug
gen-1,2026-11-20 23:59:59.123,0.000012345,openai/gpt-5
gen-2,2026-11-21 00:00:01.000,-0.5,openai/gpt-5
"""


def amounts(ledger: Ledger) -> list[tuple[str, str, str, int]]:
    connection = sqlite3.connect(ledger.path)
    rows = connection.execute("SELECT * FROM billed_amounts ORDER BY provider, day, item").fetchall()
    connection.close()
    return rows


def written(tmp_path: Path, text: str, name: str = "export.csv") -> Path:
    file = tmp_path / name
    file.write_text("\ufeff" + text, "utf-8")
    return file


@pytest.mark.parametrize(
    ("source", "text", "kept", "broken"),
    [
        (BillSource.OPENAI, OPENAI, [("openai", "2025-10-05", "gpt-5.4, input", 995_874_000)], 1),
        (
            BillSource.ANTHROPIC,
            ANTHROPIC,
            [
                ("anthropic", "2026-08-04", "Claude Haiku 4.5", 70_000_000),
                ("anthropic", "2026-08-05", "Claude Opus 4.5", 1_000_300_000_000),
            ],
            1,
        ),
        (
            BillSource.OPENROUTER,
            OPENROUTER,
            [
                ("openrouter", "2026-11-20", "openai/gpt-5", 12_345),
                ("openrouter", "2026-11-21", "openai/gpt-5", -500_000_000),
            ],
            0,
        ),
    ],
)
def test_an_export_is_kept_by_day_and_a_second_time_changes_nothing(
    ledger: Ledger, tmp_path: Path, source: BillSource, text: str, kept: list[tuple[str, str, str, int]], broken: int
) -> None:
    file = written(tmp_path, text)
    assert import_bill(ledger, source, file).broken_lines == broken
    assert amounts(ledger) == kept
    import_bill(ledger, source, file)
    assert amounts(ledger) == kept


def test_a_newer_export_of_a_day_takes_its_place_and_leaves_other_days(ledger: Ledger, tmp_path: Path) -> None:
    import_bill(ledger, BillSource.ANTHROPIC, written(tmp_path, ANTHROPIC))
    newer = "usage_date_utc,model,cost_usd\n2026-08-05,Claude Sonnet 5,2\n"
    import_bill(ledger, BillSource.ANTHROPIC, written(tmp_path, newer))
    assert [row[1:] for row in amounts(ledger)] == [
        ("2026-08-04", "Claude Haiku 4.5", 70_000_000),
        ("2026-08-05", "Claude Sonnet 5", 2_000_000_000),
    ]


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "usage_date_utc,model\n2026-08-05,x\n", "usage_date_utc,cost_usd\n"]
)
def test_a_file_that_is_no_export_is_refused(ledger: Ledger, tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput):
        import_bill(ledger, BillSource.ANTHROPIC, written(tmp_path, text))
    with pytest.raises(InvalidInput, match="cannot be read"):
        import_bill(ledger, BillSource.ANTHROPIC, tmp_path / "gone.csv")
