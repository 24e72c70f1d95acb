"""The text fields of a `multipart/form-data` body: an upload names its model in one of them."""

import re
from collections.abc import Mapping

from proxy_addon.shapes.fields import UnreadableRequest

_BOUNDARY = re.compile(
    r"multipart/form-data\s*;(?:.*;)?\s*boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE
)
_NAME = re.compile(rb';\s*name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_FILE_NAME = re.compile(rb";\s*filename\*?=", re.IGNORECASE)


def is_multipart(headers: Mapping[str, str]) -> bool:
    """Whether the body is a form."""
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def text_fields(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Name -> value of the parts that are no file. Raises UnreadableRequest for a form of two readings."""
    match = _BOUNDARY.match(headers.get("content-type", ""))
    if match is None:
        raise UnreadableRequest("The form names no boundary.")
    found: dict[str, str] = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + (match[1] or match[2]).encode())
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise UnreadableRequest("The form is cut short.")
    for part in parts[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise UnreadableRequest("A part of the form has no name.")
        if _FILE_NAME.search(head) is not None:
            continue
        key = (name[1] or name[2] or b"").decode("utf-8", "replace")
        if key in found:
            raise UnreadableRequest("The form gives a field twice.")
        found[key] = value.decode("utf-8", "replace")
    return found
