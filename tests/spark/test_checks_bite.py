"""Every check of a row, alone: which rows break it, with which sentence, what it needs and what it does.

One query over a handful of rows, so that `make mutants GROUP=checks` can judge all of glue_jobs/quality/checks.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.model import Contract, Rule
from glue_jobs import parsing
from glue_jobs.quality import checks
from glue_jobs.transforms import staging
from rows.columns import DAMAGED, IS_HEADER, text_name
from tests.spark.orders import ORDERS, column

FIELDS = ("row.field_count",)
CHECKED: Contract = replace(
    ORDERS,
    intake=replace(ORDERS.intake, delimiter=";"),
    columns=(
        column("number", "bigint", minimum="1"),
        column("day", "date", required=True, format="M/d/yyyy", maximum="2024-12-31"),
        column("status", allowed=("open", "paid")),
        column("amount", "decimal(8,2)", minimum="-1.50", maximum="100"),
        column("note", pattern="[a-z]*", max_length=5),
        column("mail", pattern=".*@.*", pii="hash", data_subject=True),
    ),
    key=("number",),
    rules=(
        Rule(id="paid_is_positive", description="A paid order has an amount.", action="warn",
             expression="status <> 'paid' OR amount > 0", columns=("status", "amount")),
        Rule(id="first_is_open", description="The first order is open", action="halt",
             expression="number > 1 OR status = 'open'", columns=("number", "status")),
        Rule(id="mail_is_short", description="Addresses are short.", action="quarantine",
             expression="length(mail) < 9", columns=("mail",)),
    ),
)  # fmt: skip
HIDDEN = "the value (personal data, not shown)"
Row = tuple[str | None, ...]
GOOD: Row = ("2", "12/31/2024", "paid", "100", "abcde", "a@b.c")


def but(**texts: str | None) -> Row:
    """The good row with other texts."""
    names = [column.name for column in CHECKED.columns]
    return tuple(texts.get(name, text) for name, text in zip(names, GOOD, strict=True))


BREAKS: list[tuple[Row, list[tuple[str, str]]]] = [
    (GOOD, []),
    (but(amount="-1.50", status="open"), []),
    (but(number="1", status="open", note=None), []),
    (but(mail=None), [("mail_is_short", f"Addresses are short; found mail {HIDDEN}")]),
    (but(number=None), [("number.required", "number: no value, but the contract requires one")]),
    (but(day=None), [("day.required", "day: no value, but the contract requires one")]),
    (but(number="x"), [("number.type", "number: 'x' is not a whole number")]),
    (but(number="0", status="open"), [("number.minimum", "number: '0' is below the minimum 1")]),
    (but(day="2/30/2024"), [("day.type", "day: '2/30/2024' is not a date written M/d/yyyy")]),
    (but(day="1/1/2025"), [("day.maximum", "day: '1/1/2025' is above the maximum 2024-12-31")]),
    (but(status="gone"), [("status.allowed", "status: 'gone' is not one of open, paid")]),
    (but(status=None, amount=None),
     [("paid_is_positive", "A paid order has an amount; found status blank, amount blank")]),
    (but(amount="-1.51", status="open"), [("amount.minimum", "amount: '-1.51' is below the minimum -1.50")]),
    (but(amount="100.01"), [("amount.maximum", "amount: '100.01' is above the maximum 100")]),
    (but(amount="ten"), [("amount.type", "amount: 'ten' is not a number")]),
    (but(amount="0"), [("paid_is_positive", "A paid order has an amount; found status 'paid', amount '0'")]),
    (but(note="ab1"), [("note.pattern", "note: 'ab1' does not match [a-z]*")]),
    (but(note="abcdef"), [("note.max_length", "note: 'abcdef' has more than 5 characters")]),
    (but(number="1"), [("first_is_open", "The first order is open; found number '1', status 'paid'")]),
    (but(mail="nobody"), [("mail.pattern", f"mail: {HIDDEN} does not match .*@.*")]),
    (but(mail="erased@x"),
     [("subject.erased", "mail: this person's records were erased and are not taken again")]),
    (but(mail="too@long.com"),
     [("mail_is_short", f"Addresses are short; found mail {HIDDEN}")]),
    (but(number="x", day=None, status="gone", note="ab1cde"),
     [("number.type", "number: 'x' is not a whole number"),
      ("day.required", "day: no value, but the contract requires one"),
      ("status.allowed", "status: 'gone' is not one of open, paid"),
      ("note.pattern", "note: 'ab1cde' does not match [a-z]*"),
      ("note.max_length", "note: 'ab1cde' has more than 5 characters")]),
    (but(status='"paid"', note='"AB"', mail='"a@b.c"'),
     [("status.type", f"status: '\"paid\"' {parsing.QUOTED}"),
      ("note.type", f"note: '\"AB\"' {parsing.QUOTED}"),
      ("mail.type", f"mail: {HIDDEN} {parsing.QUOTED}")]),
    (("Number", "\ufeffDAY", "sta-tus", "(amount)", "no te", '"mail"'),
     [("row.repeated_header", "row: the header again, which is no record; files were probably joined")]),
    (("2", "day", "status", "amount", "note", "mail"),
     [("day.type", "day: 'day' is not a date written M/d/yyyy"),
      ("status.allowed", "status: 'status' is not one of open, paid"),
      ("amount.type", "amount: 'amount' is not a number"),
      ("mail.pattern", f"mail: {HIDDEN} does not match .*@.*")]),
    (("a;b",), [("row.field_count", "row: 2 fields where the header has 6")]),
    (('1;"2;3";"4"";5";6',), [("row.field_count", "row: 4 fields where the header has 6")]),
]  # fmt: skip


def frame(spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    """What raw_to_processed has of these records; one of a single text is damaged."""
    names = [column.name for column in CHECKED.columns]
    texts = [(None, *row) if len(row) > 1 else (row[0], *(None for _ in names)) for row in rows]
    schema = ", ".join(f"{name} string" for name in (DAMAGED, *map(text_name, names)))
    values = {one.name: parsing.value(one, F.col(text_name(one.name))) for one in CHECKED.columns}
    typed = spark.createDataFrame(texts, schema).withColumns(
        {**values, "_kept_mail": F.col("_text_mail")}
    )
    return typed.withColumn(IS_HEADER, staging.is_header(CHECKED.columns))


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return frame(spark, [row for row, _ in BREAKS]).localCheckpoint()


def test_each_row_breaks_exactly_these_checks_with_these_sentences(rows: DataFrame) -> None:
    every = checks.of_contract(CHECKED, 6, erased=("erased@x", "other@x"))
    columns = {"found": checks.broken(every), "any": checks.any_broken(every)}
    found = rows.withColumns(columns).select("found", "any").collect()
    wanted = [[*map(tuple, broken)] for _, broken in BREAKS]
    assert [[(one["rule_id"], one["reason"]) for one in row["found"]] for row in found] == wanted
    assert [row["any"] for row in found] == [bool(broken) for broken in wanted]


def test_without_erased_persons_nobody_is_refused_and_without_checks_nothing_is_broken(
    rows: DataFrame,
) -> None:
    every = checks.of_contract(CHECKED, 6)
    (erased,) = (check for check in every if check.rule_id == "subject.erased")
    columns = {"found": checks.broken([]), "any": checks.any_broken([]), "erased": erased.broken}
    found = rows.withColumns(columns).select(*columns)
    assert dict(found.dtypes)["found"] == checks.BROKEN_TYPE.replace(": ", ":").replace(", ", ",")
    assert [tuple(row) for row in found.distinct().collect()] == [([], False, False)]


def test_each_check_names_what_it_needs_and_what_it_does_in_the_order_of_the_contract(
    spark: SparkSession,
) -> None:
    assert spark  # columns are made by the JVM
    again = "row.repeated_header"
    fields = (*FIELDS, again)
    value = {
        one.name: (*FIELDS, f"{one.name}.required", f"{one.name}.type", again)
        for one in CHECKED.columns
    }
    assert [
        (check.rule_id, check.needs, check.action) for check in checks.of_contract(CHECKED, 6)
    ] == [
        ("row.field_count", (), "quarantine"),
        ("row.repeated_header", FIELDS, "quarantine"),
        ("subject.erased", fields, "quarantine"),
        ("number.required", fields, "quarantine"),
        ("number.type", fields, "quarantine"),
        ("number.minimum", value["number"], "quarantine"),
        ("day.required", fields, "quarantine"),
        ("day.type", fields, "quarantine"),
        ("day.maximum", value["day"], "quarantine"),
        ("status.type", fields, "quarantine"),
        ("status.allowed", value["status"], "quarantine"),
        ("amount.type", fields, "quarantine"),
        ("amount.minimum", value["amount"], "quarantine"),
        ("amount.maximum", value["amount"], "quarantine"),
        ("note.type", fields, "quarantine"),
        ("note.pattern", value["note"], "quarantine"),
        ("note.max_length", value["note"], "quarantine"),
        ("mail.type", fields, "quarantine"),
        ("mail.pattern", value["mail"], "quarantine"),
        (
            "paid_is_positive",
            (*value["status"][:-1], "amount.required", "amount.type", again),
            "warn",
        ),
        ("first_is_open", (*value["number"][:-1], "status.required", "status.type", again), "halt"),
        ("mail_is_short", value["mail"], "quarantine"),
    ]
