"""What the meter's process is started with."""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import InvalidInput
from app.core.lanes import LANES, USUAL_LANE
from app.core.network import NetworkPlace, parse_network_place
from app.ledger.backups import KEPT
from proxy_addon.routes import parse_place


@dataclass(frozen=True, slots=True)
class TeamArguments:
    """The team whose caps count as well: the address of its ledger, and its name. `lease_nano_usd` is asked for in
    advance; `certificate` is who vouches for its server, None for whom the system believes."""

    url: str
    name: str
    lease_nano_usd: int
    certificate: Path | None


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the meter was started with. Port 0 means any free one. `keys_from` is the descriptor from which the
    providers' keys are read; None leaves them to the keyring."""

    ledger: Path
    gateway_port: int
    forward_port: int
    upstreams: dict[str, str]
    private_destinations: frozenset[tuple[str, int]]
    network: NetworkPlace | None
    keys_from: int | None
    stop_with_stdin: bool
    stop_without_runs: bool
    backups_kept: int
    retention_days: int
    lane: str
    team: TeamArguments | None = None


def parse_arguments() -> Arguments:
    """Those of this process. Raises InvalidInput; leaves with status 2 for unknown ones, as programs do."""
    given = _parser().parse_args()
    network = None
    if given.listen:
        network = parse_network_place(given.listen, given.listen_name, is_meant=given.listen_anywhere)
    return Arguments(
        given.ledger,
        given.gateway_port,
        given.forward_port,
        dict(_upstream(pair) for pair in given.upstream),
        frozenset(parse_place(text) for text in given.private_destination),
        network,
        given.keys_from,
        given.stop_with_stdin,
        given.stop_without_runs,
        given.backups_kept,
        given.retention_days,
        given.lane,
        _team(given) if given.team_url else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proxy_addon", description="Bursar's meter.")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--gateway-port", type=int, default=8787)
    parser.add_argument("--forward-port", type=int, default=8788)
    parser.add_argument("--upstream", action="append", default=[], metavar="PROVIDER=URL")
    parser.add_argument("--private-destination", action="append", default=[], metavar="HOST:PORT")
    parser.add_argument("--listen", default="", metavar="ADDRESS:PORT")
    parser.add_argument("--listen-name", action="append", default=[], metavar="NAME")
    parser.add_argument("--listen-anywhere", action="store_true")
    parser.add_argument("--keys-from-stdin", dest="keys_from", action="store_const", const=0)
    parser.add_argument("--keys-from-descriptor", dest="keys_from", type=int)
    parser.add_argument("--stop-with-stdin", action="store_true")
    parser.add_argument("--stop-without-runs", action="store_true")
    parser.add_argument("--backups-kept", type=int, default=KEPT)
    parser.add_argument("--retention-days", type=int, default=0)
    parser.add_argument("--lane", choices=LANES, default=USUAL_LANE)
    parser.add_argument("--team-url", default="")
    parser.add_argument("--team-name", default="")
    parser.add_argument("--team-lease", type=int, default=0, metavar="NANO-DOLLARS")
    parser.add_argument("--team-certificate", type=Path)
    return parser


def _team(given: argparse.Namespace) -> TeamArguments:
    return TeamArguments(given.team_url, given.team_name, given.team_lease, given.team_certificate)


def _upstream(pair: str) -> tuple[str, str]:
    provider, sign, url = pair.partition("=")
    if not sign:
        raise InvalidInput("Not an upstream", f"“{pair[:80]}” must look like openai=https://llm.example.com")
    return provider, url


def keys_from(descriptor: int) -> dict[str, str]:
    """The provider keys given as one line of JSON. Read byte by byte, so that nothing after the line is swallowed."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    try:
        keys: Any = json.loads(line)
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(value, str) for value in keys.values()):
        raise InvalidInput("No keys on standard input", 'Give one line of JSON, such as {"anthropic": "…"}.')
    return {str(name): value for name, value in keys.items()}
