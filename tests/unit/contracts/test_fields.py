"""Fields without a name: no columns while they are empty in every record, never dropped with a value."""

from __future__ import annotations

import pytest

from contracts.fields import Fields, NamelessValue

FULL, SHORT = ["1", "2", "3"], ["1", "2"]


def fields(header: str, *records: list[str]) -> Fields:
    found = Fields(header.split(","))
    assert found.count(records) == len(records)
    return found


@pytest.mark.parametrize(
    ("header", "records", "names", "notes"),
    [
        ("a,b,c", [FULL], "a,b,c", []),
        ("a,b,c", [FULL, SHORT, [*FULL, "4"]], "a,b,c", []),
        (
            "a,b,c,,",
            [[*FULL, "", " \u200b"]],
            "a,b,c,,",
            ["columns 4, 5 without a name, empty in every record: skipped"],
        ),
        (
            "a,b,c,,,()",
            [[*FULL, "", "", ""]],
            "a,b,c,,,()",
            ["columns 4 to 6 without a name, empty in every record: skipped"],
        ),
        (
            "a,,b,c",
            [["1", "", "2", "3"]],
            "a,,b,c",
            ["column 2 without a name, empty in every record: skipped"],
        ),
        (
            "a,b,c",
            [[*FULL, ""], [*FULL, "\u00a0"], SHORT, [*FULL, "x", ""]],
            "a,b,c,",
            ["every record ends with an empty field more than the header has names: skipped"],
        ),
        (
            "a,b,c",
            [[*FULL, "", ""]],
            "a,b,c,,",
            ["every record ends with 2 empty fields more than the header has names: skipped"],
        ),
        (
            "a,b,c,",
            [FULL, FULL, SHORT],
            "a,b,c",
            ["the header ends with a delimiter more than the records: skipped"],
        ),
        ("a,b,c", [FULL, [*FULL, ""]], "a,b,c", []),  # of two kinds the header's is right
        ("a,b,c", [[*FULL, ""], [*FULL, "", ""]], "a,b,c", []),  # nobody can say which
        ("a,b,c", [[*FULL, ""], [*FULL, "4"]], "a,b,c", []),  # the field holds a value
        ("a,b,c", [SHORT], "a,b,c", []),
    ],
)
def test_the_header_is_what_the_records_bear_out(
    header: str, records: list[list[str]], names: str, notes: list[str]
) -> None:
    found = fields(header, *records)
    assert (found.names, list(found.notes())) == (tuple(names.split(",")), notes)
    assert found.nameless_value is None


@pytest.mark.parametrize(
    ("header", "records", "expected"),
    [
        ("a,b,c,", [[*FULL, ""], [*FULL, " x "]], NamelessValue(record=2, column=4, value="x")),
        (
            ",a,b",
            [["", "1", "2"], ["7", "1", "2"], ["8", "1", "2"]],
            NamelessValue(record=2, column=1, value="7"),
        ),
        (
            "a,,b,c",
            [["1", "x", "2", "3", ""]],
            None,
        ),  # the record has too many fields, and its own reason
    ],
)
def test_a_value_without_a_name_is_found(
    header: str, records: list[list[str]], expected: NamelessValue | None
) -> None:
    assert fields(header, *records).nameless_value == expected
