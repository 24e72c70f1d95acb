"""No more clients than there are descriptors for: the newest is turned away, and those that are connected go on.

From another machine no single address may take more than a quarter. On this one all clients are the same user's.
"""

import ipaddress
import logging
from collections import Counter
from typing import Any

logger = logging.getLogger(__name__)


class ConnectionLimit:
    """mitmproxy's hooks for a client's coming and going. `most` may be connected at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str, str] = {}
        self._of_address: Counter[str] = Counter()
        self._is_told = False

    def client_connected(self, client: Any) -> None:
        """Somebody connects."""
        address = str(client.peername[0])
        is_one_too_many = self._of_address[address] >= self._most // 4 and not ipaddress.ip_address(address).is_loopback
        if len(self._open) >= self._most or is_one_too_many:
            client.error = "too many connections"
            if not self._is_told:
                logger.warning("More than %d connections at once: the newest are turned away.", len(self._open))
            self._is_told = True
            return
        self._open[client.id] = address
        self._of_address[address] += 1

    def client_disconnected(self, client: Any) -> None:
        """A client is gone."""
        address = self._open.pop(client.id, None)
        if address is not None:
            self._of_address[address] -= 1
            self._of_address += Counter()
            self._is_told = self._is_told and len(self._open) > self._most // 2
