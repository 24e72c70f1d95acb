"""The meter's own certificate authority: whether agents that reach the meter through its HTTPS proxy can trust it."""

from datetime import datetime
from pathlib import Path

from app.services.doctor.finding import Finding, Level

SUBJECT = "Certificates"


def authority_finding(certificate: Path, now: datetime) -> Finding:
    """What its certificate says. Only agents that come through the HTTPS proxy need it; base URLs do not."""
    from cryptography import x509  # of some megabytes, which a tray at rest need not hold

    try:
        ends_at = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except FileNotFoundError:
        return Finding(Level.FINE, SUBJECT, "The meter makes its own CA when it first starts")
    except (OSError, ValueError):
        meaning = "Agents that reach the meter through HTTPS_PROXY cannot trust it. Base URLs need none of this."
        fix = f"Remove {certificate.parent}: the meter makes another one when it starts."
        return Finding(Level.WRONG, SUBJECT, "The certificate of the meter’s CA cannot be read", meaning, fix)
    if ends_at <= now:
        meaning = "Agents that reach the meter through HTTPS_PROXY refuse it. Base URLs need none of this."
        fix = "Stop the meter and start it again: it makes a new one."
        return Finding(Level.WRONG, SUBJECT, f"The meter’s CA ended on {ends_at:%d %b %Y}", meaning, fix)
    return Finding(Level.FINE, SUBJECT, f"The meter’s CA is good until {ends_at:%d %b %Y}")
