"""How the meter takes its place in a team: with the password from the keyring, in the thread that talks to the team."""

import asyncio
import functools
from typing import TYPE_CHECKING

from app.core.errors import TeamUnreachable, VaultError
from app.keys.team_password import TEAM_ENTRY
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.ledger.fingerprint_key import laptop_id
from app.ledger.meter_state import unfinished_meters
from proxy_addon.arguments import TeamArguments
from proxy_addon.clock import Clock
from proxy_addon.recorder import Recorder
from proxy_addon.team_gate import TeamGate
from proxy_addon.team_line import TeamLine
from proxy_addon.team_seat import Seat

if TYPE_CHECKING:
    from app.ledger.team.ledger import TeamLedger


def seat_of(given: TeamArguments, vault: Vault) -> Seat:
    """The place that the meter was started with."""

    def connect() -> "TeamLedger":
        from app.ledger.team.ledger import open_team  # whoever has joined no team need not wait for its driver

        try:
            password = vault.get(TEAM_ENTRY)
        except VaultError as error:
            raise TeamUnreachable(error.title, error.message) from None
        return open_team(given.url, password, root_certificate=given.certificate)

    return Seat(given.name, connect, given.lease_nano_usd)


class TeamPlace:
    """The meter's place in a team, from now to its end, by the meter's `clock`. Where none was `given` there is
    no `gate`, and nothing is done."""

    def __init__(
        self, given: TeamArguments | None, vault: Vault, ledger: Ledger, recorder: Recorder, instance_id: str,
        clock: Clock,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.gate: TeamGate | None = None
        self._ledger = ledger
        self._instance_id = instance_id
        self._line: TeamLine | None = None
        if given is None:
            return
        loop = asyncio.get_running_loop()
        self._line = TeamLine(
            seat_of(given, vault), ledger, recorder.post, laptop_id=functools.cache(lambda: laptop_id(ledger)),
            on_news=lambda: loop.call_soon_threadsafe(gate.tell),
        )  # fmt: skip
        self.gate = gate = TeamGate(self._line, recorder, instance_id, clock)
        self._line.start()

    def stop(self) -> None:
        """Tell the team what is left. Blocks. To be called once all that is known stands in the ledger."""
        if self._line is None:
            return
        others = [one for one in unfinished_meters(self._ledger) if one.is_alive]
        self._line.stop(is_last=all(one.instance_id == self._instance_id for one in others))
