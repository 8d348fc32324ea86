"""What a custom CSV classifier says of a file: its heading, its types, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.adapters.glue import csv_classifier
from local_cloud.adapters.glue.csv_classifier import NotClassified, Schema

BY_CONTRACT = {
    "Name": "orders",
    "Delimiter": ",",
    "QuoteSymbol": '"',
    "ContainsHeader": "PRESENT",
    "DisableValueTrimming": False,
    "AllowSingleColumn": False,
}


def classified(text: str | bytes, *, whole: bool = True, **changed: Any) -> Schema | None:
    head = text if isinstance(text, bytes) else text.encode()
    return csv_classifier.classified(BY_CONTRACT | changed, head, whole=whole, name="a/b.csv")


def columns(text: str, **changed: Any) -> dict[str, str]:
    found = classified(text, **changed)
    assert found is not None
    return dict(found.columns)


def test_names_are_those_of_the_heading_in_lower_case_with_their_blanks() -> None:
    assert list(columns("Item Type, Order ID ,Total_Profit\na,b,c\n")) == [
        "item type",
        "order id",
        "total_profit",
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-20", ""], "bigint"),
        (["1", "2.50", ".5"], "double"),
        ([" 7 "], "bigint"),
        (["9223372036854775807"], "bigint"),
        (["9223372036854775808"], "string"),
        (["1", "n/a"], "string"),
        (["4/16/2023"], "string"),
        (["nan", "inf"], "string"),
        (["\u0661"], "string"),
        ([""], "string"),
    ],
)
def test_a_column_has_the_widest_type_that_its_values_need(values: list[str], kind: str) -> None:
    assert columns("a,b\n" + "".join(f"{value},x\n" for value in values))["a"] == kind


def test_values_are_not_trimmed_where_the_classifier_says_so() -> None:
    assert columns("a,b\n 7 ,1\n", DisableValueTrimming=True) == {"a": "string", "b": "bigint"}


def test_only_the_first_thousand_records_are_looked_at() -> None:
    late = "n,x\n" + "1,1\n" * 1000 + "late,1\n"
    assert columns(late)["n"] == "bigint"
    assert columns("n,x\n" + "1,1\n" * 999 + "late,1\n")["n"] == "string"


def test_the_last_line_of_a_part_is_none_since_it_may_be_cut() -> None:
    found = classified("a,b\n1,2\n3,cu", whole=False)
    assert found is not None
    assert found.columns == {"a": "bigint", "b": "bigint"}


def test_quotes_and_the_delimiter_of_the_contract_count() -> None:
    found = classified('a;b\n"1;5";2\n', Delimiter=";")
    assert found is not None
    assert found.columns == {"a": "string", "b": "bigint"}
    assert (found.quoted, found.delimiter) == (True, ";")
    plain = classified("a,b\n1,2\n")
    assert plain is not None
    assert not plain.quoted


def test_a_file_of_another_delimiter_is_not_recognized_unless_one_column_is_allowed() -> None:
    assert classified("a;b\n1;2\n") is None
    assert columns("a\n1\n", AllowSingleColumn=True) == {"a": "bigint"}
    assert classified("") is None


def test_a_heading_alone_gives_texts() -> None:
    assert columns("a,b\n") == {"a": "string", "b": "string"}


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    found = classified(b"\xef\xbb\xbfRow ID,b\n1,2\n")
    assert found is not None
    assert list(found.columns) == ["row id", "b"]


@pytest.mark.parametrize(
    ("content", "changed", "told"),
    [
        ("a,b\n", {"CustomDatatypes": ["STRING"]}, "classifier orders: CustomDatatypes is not"),
        ("a,b\n", {"Header": ["a", "b"]}, "Header is not followed"),
        ("a,b\n", {"ContainsHeader": "UNKNOWN"}, "ContainsHeader other than PRESENT"),
        ("A,a\n", {}, "a/b.csv: the heading has 'a' more than once"),
        (b"a,b\n\xff,1\n", {}, "a/b.csv: byte 4 is not UTF-8"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    content: str | bytes, changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(NotClassified, match=told):
        classified(content, **changed)
