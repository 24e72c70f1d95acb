"""Fields of a head are edited without a byte of the others being written anew."""

from mitmproxy.http import Headers

from proxy_addon.header_fields import bytes_of, has, lower_headers, text_of, with_field, without

FIELDS = ((b"Host", b"a"), (b"X-One", b"1"), (b"x-ONE", b"2"), (b"Accept", b"\xff"))


def test_several_of_one_name_are_joined_and_no_byte_is_lost() -> None:
    headers = lower_headers(FIELDS)

    assert headers["x-one"] == "1, 2"
    assert bytes_of(headers["accept"]) == b"\xff" == bytes_of(text_of(b"\xff"))


def test_a_value_takes_the_place_of_the_first_and_keeps_its_spelling() -> None:
    assert with_field(FIELDS, b"x-one", b"3") == ((b"Host", b"a"), (b"X-One", b"3"), (b"Accept", b"\xff"))
    assert with_field(FIELDS, b"x-new", b"3") == (*FIELDS, (b"x-new", b"3"))


def test_fields_are_left_out_whatever_their_case() -> None:
    assert without(FIELDS, (b"x-one", b"host")) == ((b"Accept", b"\xff"),)
    assert has(FIELDS, b"host")
    assert not has(without(FIELDS, (b"host",)), b"host")


def test_edits_are_those_of_mitmproxys_headers() -> None:
    theirs = Headers(FIELDS)
    theirs["x-one"] = "3"
    theirs["x-new"] = "4"
    del theirs["host"]
    ours = without(with_field(with_field(FIELDS, b"x-one", b"3"), b"x-new", b"4"), (b"host",))

    assert theirs.fields == ours
    assert {name.lower(): value for name, value in Headers(FIELDS).items()} == lower_headers(FIELDS)
