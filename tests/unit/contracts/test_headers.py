"""Which header names are the same name, and which are not."""

from __future__ import annotations

import itertools

import pytest

from contracts.headers import NAMELESS, normalized_header

SAME = (
    "Unit Price",
    "UNIT_PRICE",
    "unit-price",
    "unit.price",
    "unit/price",
    "(unit) price",
    '"Unit Price"',
    "\u201cUnit Price\u201d",
    "Unit\u2011Price",
    "\ufeffUnit\u00a0Price\u200b",
    "Unit\u202fPrice\u3000",
    " unit  price\t",
)
DIFFERENT = (
    "Amount",
    "Amount %",
    "Amount ($)",
    "Amount (€)",
    "Amount #",
    "Amount+",
    "Amount:",
    "Amount*",
    "%",
    "$",
    "€",
)


@pytest.mark.parametrize("name", SAME)
def test_case_blanks_quotes_and_what_joins_words_do_not_count(name: str) -> None:
    assert normalized_header(name) == "unitprice"


def test_every_other_symbol_is_part_of_a_name() -> None:
    for one, other in itertools.combinations(DIFFERENT, 2):
        assert normalized_header(one) != normalized_header(other), (one, other)


@pytest.mark.parametrize("name", ["", " ", "\u00a0", "\ufeff", '""', "-", "()", "./_"])
def test_what_has_neither_letter_nor_symbol_is_no_name(name: str) -> None:
    assert normalized_header(name) == NAMELESS


def test_letters_are_compared_whatever_their_case_and_their_bytes() -> None:
    assert normalized_header("STRASSE") == normalized_header("straße")
    assert normalized_header("Cafe\u0301") == normalized_header("CAFÉ")
