"""What nobody sees is no part of a value, and messages make the rest of it visible."""

from __future__ import annotations

import unicodedata

import pytest

from contracts import texts

INVISIBLE_BLANKS = ("\u00a0", "\u2007", "\u202f", "\u3000", "\u200b", "\u200c", "\u200d", "\ufeff")


@pytest.mark.parametrize("blank", [" ", "\t", "\r", "\n", *INVISIBLE_BLANKS])
def test_blanks_are_trimmed_at_both_ends_and_stay_inside(blank: str) -> None:
    assert texts.cleaned(f"{blank}{blank}a{blank}b{blank}") == (
        "ab" if blank == "\ufeff" else f"a{blank}b"
    )
    assert texts.cleaned(blank * 3) == ""


def test_no_other_character_is_trimmed() -> None:
    kept = [chr(code) for code in range(0x3100) if texts.cleaned(chr(code))]
    assert len(kept) == 0x3100 - 4 - len(INVISIBLE_BLANKS) + 1  # U+FEFF lies beyond


@pytest.mark.parametrize(
    ("value", "quoted", "bare"),
    [
        ('"India"', True, "India"),
        ('" India "', True, "India"),
        ('""', True, ""),
        ('"', True, ""),
        ('5" screen', False, '5" screen'),
        ('12"', False, '12"'),
        ('"Sea" House', False, '"Sea" House'),
        ("India", False, "India"),
        ("", False, ""),
    ],
)
def test_quotes_that_csv_left_are_those_at_both_ends(value: str, quoted: bool, bare: str) -> None:
    assert (texts.is_quoted(value), texts.unquoted(value)) == (quoted, bare)


def test_every_invisible_character_is_shown_as_an_escape_and_no_other_is_changed() -> None:
    for code in range(1, 0x10000):
        character = chr(code)
        invisible = (
            unicodedata.category(character) in ("Cc", "Cf", "Zs", "Zl", "Zp") and character != " "
        )
        expected = (
            f"\\u{code:04x}" if invisible or code == 0x2065 else character
        )  # U+2065: reserved among formats
        assert texts.escaped(character) == expected, hex(code)


def test_a_text_is_shown_in_quotes_and_shortened_before_it_is_escaped() -> None:
    assert texts.shown("On\u200bline", 60) == "'On\\u200bline'"
    assert texts.shown("\u00a0" * 9, 6) == "'\\u00a0\\u00a0\\u00a0...'"
