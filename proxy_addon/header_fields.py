"""The fields of a head, as pairs of bytes in the order in which they came: what both lanes hand to the meter and send.

A field that is not meant to change is never written anew, so that its name keeps its case and its value every byte.
"""

from collections.abc import Collection, Iterable

type Fields = tuple[tuple[bytes, bytes], ...]


def lower_headers(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Values by their names in lower case; several of one name are joined by a comma (RFC 9110, section 5.3)."""
    found: dict[str, str] = {}
    for name, value in fields:
        key, text = name.decode("utf-8", "surrogateescape").lower(), value.decode("utf-8", "surrogateescape")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def text_of(data: bytes) -> str:
    """Bytes of a head as text, from which the same bytes can be had again."""
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The bytes of such a text."""
    return text.encode("utf-8", "surrogateescape")


def has(fields: Fields, name: bytes) -> bool:
    """Whether there is a field of that lower-case name."""
    return any(key.lower() == name for key, _ in fields)


def without(fields: Fields, names: Collection[bytes]) -> Fields:
    """The fields but for those of these lower-case names."""
    return tuple([field for field in fields if field[0].lower() not in names])


def with_field(fields: Fields, name: bytes, value: bytes) -> Fields:
    """The fields with that one value, in the place of the first of its lower-case name, else at the end."""
    kept, is_put = [], False
    for field in fields:
        if field[0].lower() != name:
            kept.append(field)
        elif not is_put:
            kept.append((field[0], value))
            is_put = True
    return tuple(kept) if is_put else (*kept, (name, value))
