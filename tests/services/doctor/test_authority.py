from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.services.doctor.authority import authority_finding
from app.services.doctor.finding import Level
from proxy_addon.certificates import LIFE, keep_authority

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of an authority as the meter makes it."""
    keep_authority(tmp_path, ["api.openai.com"], [], NOW)
    return tmp_path / "mitmproxy-ca-cert.pem"


def test_an_authority_that_is_in_force_is_told_with_its_end(certificate: Path) -> None:
    found = authority_finding(certificate, NOW)
    assert (found.level, found.title) == (Level.FINE, "The meter’s CA is good until 20 Nov 2027")


def test_one_that_ended_is_wrong(certificate: Path) -> None:
    found = authority_finding(certificate, NOW + LIFE)
    assert (found.level, found.title) == (Level.WRONG, "The meter’s CA ended on 20 Nov 2027")


def test_none_yet_is_fine_and_one_that_cannot_be_read_is_wrong(tmp_path: Path, certificate: Path) -> None:
    assert authority_finding(tmp_path / "no" / "ca.pem", NOW - timedelta(days=1)).level is Level.FINE
    certificate.write_text("not a certificate")
    assert authority_finding(certificate, NOW).level is Level.WRONG
