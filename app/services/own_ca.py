"""The certificate of the meter's own CA: where it is, and how a single process is told to trust it.

It is never put into the system's store. A program takes certificates either in the place of the system's or beside
them, so both kinds of file are made: one with all the system has and ours, one with ours alone.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

from app import paths

IN_THE_PLACE_OF = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "CODEX_CA_CERTIFICATE")
"""OpenSSL and with it Python; requests and pip; curl; Git; Codex."""
BESIDE = ("NODE_EXTRA_CA_CERTS",)
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)  # fmt: skip


def ca_certificate_path() -> Path:
    """The certificate's file, which is there once a meter was started. Raises OSError where there can be no folder."""
    return paths.config_folder() / "meter" / "mitmproxy-ca-cert.pem"


def trusting(environment: Mapping[str, str], certificate: bytes, folder: Path, seen_as: str) -> dict[str, str]:
    """The variables that make a process trust the certificate beside what it trusts already. The files they name are
    written into `folder`, which the process knows as `seen_as`. Raises OSError."""
    variables = {}
    for name in (*IN_THE_PLACE_OF, *BESIDE):
        theirs = _read(Path(environment[name])) if environment.get(name) else b""
        if not theirs and name in IN_THE_PLACE_OF:
            theirs = _system_bundle()
        if theirs or name in BESIDE:  # without the system's certificates nothing else would be trusted any more
            (folder / f"{name}.pem").write_bytes(theirs + b"\n" + certificate)
            variables[name] = f"{seen_as}/{name}.pem"
    return variables


def _system_bundle() -> bytes:
    wanted = (ssl.get_default_verify_paths().cafile or "", *_SYSTEM_BUNDLES)
    return next((found for file in wanted if file and (found := _read(Path(file)))), b"")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
