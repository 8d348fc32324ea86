"""Tokens are the standard's HMAC-SHA256, so any tool that has the key can make them; a mask tells one character."""

from __future__ import annotations

import pytest

from contracts import personal_data

# RFC 4231, the test cases of HMAC-SHA-256 whose data is text: 1, 2, 6 and 7.
VECTORS = {
    "1": (
        b"\x0b" * 20,
        "Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    "2": (
        b"Jefe",
        "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    "6_key_longer_than_a_block": (
        b"\xaa" * 131,
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    "7_key_and_data_longer_than_a_block": (
        b"\xaa" * 131,
        "This is a test using a larger than block-size key and a larger than block-size data. "
        "The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_token_is_the_hmac_of_the_standard(name: str) -> None:
    key, text, expected = VECTORS[name]
    assert personal_data.token(key, text) == expected


def test_a_text_beyond_ascii_is_taken_as_utf8() -> None:
    # printf 'Zoë' | openssl dgst -sha256 -hmac key
    expected = "7001a28a0003b3c4116cc51ee64e2d74018cdba2782844d4b60b9b5800b7b6e6"
    assert personal_data.token(b"key", "Zoë") == expected


def test_another_key_gives_another_token() -> None:
    assert personal_data.token(b"one", "ann@example.com") != personal_data.token(
        b"two", "ann@example.com"
    )


@pytest.mark.parametrize(
    ("text", "mask"), [("Ann", "A***"), ("Annabelle", "A***"), ("Ö", "Ö***"), ("", "***")]
)
def test_a_mask_shows_the_first_character_and_not_the_length(text: str, mask: str) -> None:
    assert personal_data.masked(text) == mask
