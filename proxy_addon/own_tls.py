"""mitmproxy's TLS with the meter's own CA: made before mitmproxy would make one, looked at again once a day."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addons.tlsconfig import TlsConfig

from proxy_addon.certificates import keep_authority
from proxy_addon.certified_names import certified_domains

LOOKS_EVERY_S = 86_400.0
"""A meter may run for longer than its CA has left."""


class OwnTls(TlsConfig):
    """`names` and `addresses` are hosts of the user's own that the CA is to vouch for as well."""

    def __init__(
        self,
        names: Iterable[str] = (),
        addresses: Iterable[str] = (),
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._names = tuple(names)
        self._addresses = tuple(addresses)
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

    def _keep(self) -> bool:
        self._looked_at = time.monotonic()
        domains = (*certified_domains(), *self._names)
        return keep_authority(Path(ctx.options.confdir), domains, self._addresses, self._now())
