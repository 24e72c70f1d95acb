import string

from hypothesis import given
from hypothesis import strategies as st

from app.keys.virtual_keys import fingerprint, looks_like_virtual_key, mint


def test_a_minted_key_has_its_shape_and_is_never_the_same() -> None:
    keys = {mint() for _ in range(200)}
    assert len(keys) == 200
    assert all(len(key) == 42 and key.startswith("bsr_") and looks_like_virtual_key(key) for key in keys)


def test_one_wrong_character_is_noticed() -> None:
    key = mint()
    for position in range(len(key)):
        wrong = "A" if key[position] != "A" else "B"
        assert not looks_like_virtual_key(key[:position] + wrong + key[position + 1 :])


@given(st.text(alphabet=string.printable + "é\ud800", max_size=60))
def test_any_other_text_is_not_a_virtual_key_and_has_a_fingerprint(text: str) -> None:
    assert not looks_like_virtual_key(text)
    assert not looks_like_virtual_key("bsr_" + text)
    assert len(fingerprint(text)) == 64


def test_the_fingerprint_is_that_of_sha_256() -> None:
    assert fingerprint("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
