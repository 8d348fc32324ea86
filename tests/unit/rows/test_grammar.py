"""Which texts are values of which type, without any engine; test_values.py has the values and reasons."""

from __future__ import annotations

import pytest

from contracts.errors import ContractInvalid
from rows import grammar
from tests.spark.orders import column

NUMBERS = {
    "int": [
        "7",
        "+007",
        "-2147483648",
        "238.0",
        "5.",
        ".0",
        "-.00",
        "0" * 40 + "9",
        "9999999999",
    ],  # the cast refuses
    "bigint": ["9223372036854775807", "-9223372036854775808", "00000000000000300380099"],
    "decimal(8,2)": [
        "12",
        "-0.5",
        "999999.99",
        "47.4500",
        ".99",
        "5.",
        "+.5",
        "00000000205.70",
        "0.000",
        ".50000",
    ],
    "decimal(5,0)": ["12345", "0012345", "12345.000", "5.", ".0"],
    "decimal(2,2)": [".99", "0.99", "00.9900", "0", "-.5"],
    "decimal(38,0)": ["9" * 38, "0" * 50 + "9" * 38],
}
OTHERS = {
    "int": [
        "abc",
        "",
        "1,000",
        "٣",
        "1.5",
        "1.05",
        "1e2",
        "--1",
        "+-1",
        "0x10",
        "1_000",
        "1 000",
        "1.0.0",
        ".",
        "+",
    ],
    "decimal(8,2)": [
        "",
        "1e5",
        "$5",
        "NaN",
        "1.005",
        "47.4510",
        "1234567.00",
        "1,5",
        "5-",
        "(5)",
        ".",
        "-",
        "1.5.",
        "½",
    ],
    "decimal(5,0)": ["1.5", "123456", ".5", "1.01"],
    "decimal(2,2)": ["1.00", ".995", "1"],
    "decimal(38,0)": ["1" + "0" * 38],
}


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, all_ in NUMBERS.items() for text in all_]
)
def test_a_number_may_be_written_in_any_way_that_loses_nothing(kind: str, text: str) -> None:
    assert grammar.fits(grammar.shape(column("c", kind)) or "", text)
    assert grammar.fits(grammar.NUMBER, text)


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, all_ in OTHERS.items() for text in all_]
)
def test_nothing_else_is_a_number_of_that_type(kind: str, text: str) -> None:
    assert not grammar.fits(grammar.shape(column("c", kind)) or "", text)


def test_a_date_format_that_is_not_defined_exactly_is_refused() -> None:
    with pytest.raises(ContractInvalid, match="'MMM' in format 'd MMM yyyy'"):
        grammar.shape(column("c", "date", format="d MMM yyyy"))


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("int", "+007", "7"),
        ("int", "\u00a07.0\u200b", "7"),
        ("int", '"7"', "7"),
        ("bigint", "-0", "0"),
        ("bigint", ".0", "0"),
        ("bigint", "00000000000000000000000012", "12"),
        ("bigint", "9223372036854775808", "9223372036854775808"),  # beyond bigint: no number
        ("int", "seven", "seven"),
        ("int", "7.5", "7.5"),
        ("int", "\u0667", "\u0667"),  # an Arabic digit is none of the jobs' either
        ("int", "+3000000000", "+3000000000"),  # no int
        ("bigint", "+3000000000", "3000000000"),
        ("string", "007", "007"),
        ("string", ' "Ann" ', "Ann"),
        ("string", "An\ufeffn", "Ann"),
    ],
)
def test_a_subject_is_one_person_however_the_value_is_written(
    kind: str, text: str, written: str
) -> None:
    assert grammar.subject_text(kind, text) == written
