"""mitmproxy's TLS with the meter's own CA: made before mitmproxy would make one, looked at again once a day."""

import ipaddress
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from mitmproxy import ctx
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.certs import CertStoreEntry

from proxy_addon.certificates import keep_authority
from proxy_addon.certified_names import certified_domains

LOOKS_EVERY_S = 86_400.0
"""A meter may run for longer than its CA has left."""


class OwnTls(TlsConfig):
    """`hosts` are names and IP addresses of the user's own that the CA is to vouch for as well."""

    def __init__(self, hosts: Iterable[str] = (), *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        named = [_general_name(host) for host in hosts]
        self._names = [str(name.value) for name in named if isinstance(name, x509.DNSName)]
        self._addresses = [str(name.value) for name in named if isinstance(name, x509.IPAddress)]
        self._now = now
        self._looked_at = time.monotonic()

    def configure(self, updated: Any) -> None:
        """mitmproxy's hook: its options were set. Raises OSError."""
        if "confdir" in updated:
            self._keep()
        super().configure(updated)  # type: ignore[no-untyped-call]

    def tls_start_client(self, tls_start: Any) -> None:
        """mitmproxy's hook: a client wants a certificate."""
        if time.monotonic() - self._looked_at > LOOKS_EVERY_S and self._keep():
            super().configure({"confdir"})  # type: ignore[no-untyped-call]
        super().tls_start_client(tls_start)

    def get_cert(self, conn_context: Any) -> CertStoreEntry:
        """A certificate for the host that the client asked for, or for the address that it came to, and nothing else:
        one name outside the CA's constraints makes a certificate worthless. An address does not stand in the subject,
        where OpenSSL would take it for a name."""
        name = _general_name(conn_context.client.sni or conn_context.client.sockname[0])
        return self.certstore.get_cert(name.value if isinstance(name, x509.DNSName) else None, [name])

    def _keep(self) -> bool:
        self._looked_at = time.monotonic()
        domains = (*certified_domains(), *self._names)
        return keep_authority(Path(ctx.options.confdir), domains, self._addresses, self._now())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())
