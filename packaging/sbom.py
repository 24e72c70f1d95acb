"""What Bursar is made of, as CycloneDX 1.6: every package of the lock with its version, hashes and licence.

`python sbom.py FILE`, with a Python of an environment that was made from the lock: licences are read from what is
installed there.
"""

import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from frozen_content import version

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK = CHECKOUT / "packaging" / "requirements.lock"
_PIN = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)([^\n]*(?:\n    --hash=[^\n]+)+)", re.MULTILINE)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NAMESPACE = uuid.UUID("5e1f0a52-4f0c-4f39-9d8a-0f1f6c1f2b11")
_LONGEST_LICENCE = 100


def bill(lock: str, name: str, own_version: str, at: datetime) -> dict[str, Any]:
    """The document. Its number is made from what it says, so the same lock gives the same bytes."""
    components = [component(*found) for found in pins(lock)]
    serial = uuid.uuid5(_NAMESPACE, json.dumps([own_version, components]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": own_version,
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [one["bom-ref"] for one in components]}],
    }


def pins(lock: str) -> Iterator[tuple[str, str, list[str]]]:
    """Each pin of a lock: name, version, hashes of the files it may be installed from."""
    for name, pinned, rest in _PIN.findall(lock):
        yield name, pinned, _HASH.findall(rest)


def component(name: str, pinned: str, hashes: list[str]) -> dict[str, Any]:
    """One package. A hash of each file it may come from stands with it."""
    reference = f"pkg:pypi/{name}@{pinned}"
    told: dict[str, Any] = {"type": "library", "bom-ref": reference, "name": name, "version": pinned, "purl": reference}
    licence = licence_of(name, pinned)
    if licence:
        told["licenses"] = [{"license": {"name": licence}}]
    told["properties"] = [{"name": "bursar:sha256", "value": one} for one in sorted(hashes)]
    return told


def licence_of(name: str, pinned: str) -> str:
    """What the installed package says of its licence; empty where it is not installed in that version."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return ""
    if told["Version"] != pinned:
        return ""
    classified = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    licence = told.get("License-Expression") or ""
    short = (told.get("License") or "").strip()
    return licence or (short if 0 < len(short) <= _LONGEST_LICENCE and "\n" not in short else " and ".join(classified))


def main(arguments: list[str]) -> int:
    """Write the file."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    at = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    document = bill(LOCK.read_text("utf-8"), "bursar", version(CHECKOUT), at)
    Path(arguments[0]).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
