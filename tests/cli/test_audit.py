"""`bursar audit` as it is typed: the command and the process that it starts."""

import gzip
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.proxy_addon.audit.samples import ANSWER, REQUEST, line, written
from tests.recordings import FOLDER, needs_recordings

COUNTS = {
    "input": "input_tokens",
    "cached": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
}

LIVE = "the answer tells its output as `candidatesTokenCount` and adds it to the total; the expectation looks elsewhere"
DEFECTS = {
    ("test_gateway_ws/test_gateway_gemini_text_in_audio_out.yaml", "output"): LIVE,
    ("test_parity_ws/test_history_seeding_parity[gateway-google].yaml", "output"): LIVE,
}
"""Where an expectation is wrong: end of the recording's name, count, why."""


def audit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=100)


@pytest.mark.usefixtures("home")
class TestCommand:
    def test_a_script_reads_an_object_a_line(self, tmp_path: Path) -> None:
        path = written(tmp_path / "a.jsonl", line(), line(host="shop.example"))
        done = audit("--json", path)
        assert (done.returncode, done.stderr) == (0, "")
        first, second = map(json.loads, done.stdout.splitlines())
        assert (first["file"], first["line"], first["cost_usd"], first["error_type"]) == (
            str(path),
            1,
            "0.000525",
            None,
        )
        assert (second["cost_usd"], second["cost_basis"], second["error_type"]) == (None, "unpriced", "unknown_host")
        assert "reason" not in first

    def test_a_person_reads_a_table_and_totals_by_model(self, tmp_path: Path) -> None:
        own = line(
            request_body=REQUEST.replace("gpt-4o-mini", "own"),
            response_body=ANSWER.replace("gpt-4o-mini-2024-07-18", "own"),
        )
        done = audit(written(tmp_path / "a.jsonl", line(), line(), own, line(status=500, response_body="no")))
        lines = done.stdout.splitlines()
        (second,) = [row.split() for row in lines if row.startswith("a.jsonl:2 ")]
        assert second == [
            "a.jsonl:2",
            "openai",
            "gpt-4o-mini-2024-07-18",
            "2,000",
            "1,000",
            "—",
            "500",
            "40",
            "$0.0005",
        ]
        assert "http_500" in next(row for row in lines if row.startswith("a.jsonl:4 "))
        totals = [row.split() for row in lines if row.startswith("openai")]
        assert totals == [
            ["openai", "gpt-4o-mini", "1", "—", "—", "—", "—", "—", "$0.00", "0"],
            ["openai", "gpt-4o-mini-2024-07-18", "2", "4,000", "2,000", "—", "1,000", "80", "$0.0010", "0"],
            ["openai", "own", "1", "2,000", "1,000", "—", "500", "40", "—", "1"],
        ]

    def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_done(self, tmp_path: Path) -> None:
        good = written(tmp_path / "good", line(), b"{nonsense", line())
        (tmp_path / "empty").touch()
        done = audit("--json", tmp_path / "none", tmp_path / "empty", good)
        assert done.returncode == 1
        assert [json.loads(row)["line"] for row in done.stdout.splitlines()] == [1, 2, 3]
        assert done.stderr == (
            f"{tmp_path / 'none'} cannot be read\nNo such file or directory.\n"
            f"{tmp_path / 'empty'}:1 cannot be read\nIt is empty.\n"
            f"{good}:2 cannot be read\nIt is not a JSON object.\n"
        )

    def test_the_status_is_the_same_for_a_person(self, tmp_path: Path) -> None:
        done = audit(tmp_path / "none")
        assert (done.returncode, done.stdout) == (1, "")

    def test_a_file_may_be_called_like_an_option(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(tmp_path / "--json", line())
        monkeypatch.chdir(tmp_path)
        done = audit("--", "--json")
        assert "--json:1" in done.stdout

    def test_a_module_in_the_current_folder_is_not_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "gzip.py").write_text("raise SystemExit('loaded')")
        written(tmp_path / "a", line())
        monkeypatch.chdir(tmp_path)
        command = ["-P", "-m", "app", "audit", "--json", "a"]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, timeout=100)
        assert (done.returncode, done.stderr) == (0, "")

    def test_no_prompt_or_answer_is_in_what_is_told(self, tmp_path: Path) -> None:
        path = written(
            tmp_path / "a",
            line(request_body='{"model": "m", "x": "very-secret'),
            line(response_body='{"choices": "very-secret"}'),
            line(status=400, response_body='{"error": {"message": "very-secret"}}'),
            line(response_encoding="base64", response_body="very-secret"),
            b'{"host": "very-secret',
        )
        for done in (audit(path), audit("--json", path)):
            assert "very-secret" not in done.stdout + done.stderr

    def test_whoever_reads_the_rows_may_stop(self, tmp_path: Path) -> None:
        path = written(tmp_path / "a", *[line()] * 3_000)
        command = [sys.executable, "-m", "app", "audit", "--json", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(30) == 1


@cache
def audited() -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The rows of all recordings by file and line."""
    done = audit("--json", *sorted(FOLDER.glob("*.jsonl.gz")))
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in map(json.loads, done.stdout.splitlines()):
        found.setdefault((Path(row["file"]).name, row["line"]), []).append(row)
    return found


@cache
def recorded() -> dict[tuple[str, int], dict[str, Any]]:
    """What the recordings say of themselves by file and line."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                found[path.name, number] = json.loads(text)
    return found


def pairs() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row with the usage that is expected of it. An answer without usage has none."""
    for place, told in recorded().items():
        rows, expected = audited()[place], told.get("expected_usage_per_turn") or [told["expected_usage"]]
        assert len(rows) == len(expected) or told["expected_usage"] is None, place
        yield from ((row, usage) for row, usage in zip(rows, expected, strict=False) if usage is not None)


@needs_recordings
class TestRecordings:
    def test_every_exchange_is_a_row(self) -> None:
        assert audited().keys() == recorded().keys()

    def test_usage_is_the_expected_one(self) -> None:
        wrong: dict[str, list[str]] = defaultdict(list)
        for row, usage in pairs():
            for key, name in COUNTS.items():
                is_same = usage.get(key) is None or usage[key] == (row[name] or 0)
                if not is_same and not any(row["source"].endswith(end) and key == known for end, known in DEFECTS):
                    wrong[f"{row['provider']} {row['api_shape']} {key}"].append(row["source"])
        assert not wrong

    def test_a_failed_call_costs_nothing_and_is_told(self) -> None:
        failed = [row for place, told in recorded().items() if told["status"] >= 300 for row in audited()[place]]
        assert len(failed) > 80
        assert {(row["cost_usd"], row["cost_basis"]) for row in failed} == {("0.00", "table")}
        assert all(row["error_type"] for row in failed)
