"""The meter's own certificate authority: for the metered hosts only, for a year, its key readable by its owner only.

It is put into no system store; a process trusts it when it is told to. Should its key be stolen, it can be used for
nothing but the names in its own constraints, which are marked critical: software that does not know such constraints
must refuse the certificate altogether (RFC 5280, section 4.2). It vouches for no IP address but those asked for.
"""

import ipaddress
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.whole_file import write_whole
from proxy_addon.certified_names import covers

_log = logging.getLogger(__name__)

CA_FILE = "mitmproxy-ca.pem"
"""Key and certificate, under the name that mitmproxy looks for."""
CERTIFICATE_FILE = "mitmproxy-ca-cert.pem"
"""The certificate alone, for those who are to trust it."""
LIFE = timedelta(days=365)
RENEWED_BEFORE = timedelta(days=60)
_CLOCKS_MAY_DIFFER = timedelta(days=2)
_OF_MITMPROXY = ("mitmproxy-ca.p12", "mitmproxy-ca-cert.p12", "mitmproxy-ca-cert.cer")
"""What mitmproxy writes beside a CA of its own making; the first holds the key."""
_EVERY_ADDRESS = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_SIGNS_ONLY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA's key and certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def keep_authority(folder: Path, domains: Iterable[str], addresses: Iterable[str], now: datetime) -> bool:
    """See to it that `folder` holds a CA for these domains and IP addresses that is good for some time to come.

    Returns whether a new certificate was made; why another was given up goes to the log. One that lacks only names
    keeps its key and its end, so that agents which trust the old one go on. Raises OSError.
    """
    wanted = frozenset(domains), frozenset(ipaddress.ip_network(address) for address in addresses)
    with _alone(folder):
        present = _read(folder)
        was_there = (folder / CA_FILE).exists()
        reason, is_key_good = _fault(present, *wanted, now)
        if not reason and (folder / CERTIFICATE_FILE).exists():
            return False
        if present is None or not is_key_good:
            made = _signed(ec.generate_private_key(ec.SECP256R1()), *wanted, now, now + LIFE - _CLOCKS_MAY_DIFFER)
        else:
            names, places = _constraints(present.certificate)
            until = present.certificate.not_valid_after_utc
            made = _signed(present.key, wanted[0] | names, wanted[1] | places, now, until)
        _write(folder, made)
    if was_there:
        _log.warning("The meter's certificate authority was made anew: %s.", reason or "its public file was gone")
    return True


def _fault(
    present: Authority | None, domains: frozenset[str], addresses: frozenset[Network], now: datetime
) -> tuple[str, bool]:
    """Why the present CA cannot stay, empty if it can; and whether its key can."""
    if present is None:
        return "the one that was there is not of this kind, and may have vouched for any host", False
    names, places = _constraints(present.certificate)
    if not names:
        return "the one that was there could vouch for any host", False
    if present.certificate.not_valid_after_utc - now < RENEWED_BEFORE:
        return "it would have ended soon. Agents that trust it have to be started again", False
    if not all(covers(names, domain) for domain in domains) or not addresses <= places:
        return "it lacked names that are metered now", True
    return "", True


def _constraints(certificate: x509.Certificate) -> tuple[frozenset[str], frozenset[Network]]:
    """The domains and addresses that a CA is held to; no domains where it is not held at all."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return frozenset(), frozenset()
    permitted = found.value.permitted_subtrees or []
    names = frozenset(name.value for name in permitted if isinstance(name, x509.DNSName))
    places = frozenset(name.value for name in permitted if isinstance(name, x509.IPAddress))
    is_held = found.critical and (places or found.value.excluded_subtrees)
    networks = frozenset(place for place in places if isinstance(place, ipaddress.IPv4Network | ipaddress.IPv6Network))
    return (names, networks) if is_held else (frozenset(), frozenset())


def _signed(
    key: ec.EllipticCurvePrivateKey,
    domains: frozenset[str],
    addresses: frozenset[Network],
    now: datetime,
    until: datetime,
) -> Authority:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Bursar meter"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bursar"),
        ]
    )
    networks = sorted(addresses, key=str)
    permitted = [x509.DNSName(domain) for domain in sorted(domains)] + [x509.IPAddress(place) for place in networks]
    excluded = None if networks else [x509.IPAddress(network) for network in _EVERY_ADDRESS]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_MAY_DIFFER)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.NameConstraints(permitted, excluded), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def _read(folder: Path) -> Authority | None:
    """The CA in the folder; None where there is none of our kind."""
    try:
        text = (folder / CA_FILE).read_bytes()
        key = serialization.load_pem_private_key(text, None)
        certificate = x509.load_pem_x509_certificate(text)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    is_ours = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
    return Authority(key, certificate) if is_ours and isinstance(key, ec.EllipticCurvePrivateKey) else None


def _write(folder: Path, made: Authority) -> None:
    pem = serialization.Encoding.PEM
    private, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate = made.certificate.public_bytes(pem)
    write_whole(folder / CA_FILE, made.key.private_bytes(pem, private, plain) + certificate)
    write_whole(folder / CERTIFICATE_FILE, certificate)
    for name in _OF_MITMPROXY:
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One meter at a time: two that start together must not mix their files. (Windows cannot lock a folder.)"""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
