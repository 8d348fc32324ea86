"""Rows of a small contract with exactly the checks that each breaks, and their sentences; for every engine."""

from __future__ import annotations

from dataclasses import replace

from contracts.model import Contract, Rule
from rows.expressions.values import QUOTED
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
     [("status.type", f"status: '\"paid\"' {QUOTED}"),
      ("note.type", f"note: '\"AB\"' {QUOTED}"),
      ("mail.type", f"mail: {HIDDEN} {QUOTED}")]),
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
