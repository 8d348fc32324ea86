"""Hostile values: dates that do not exist, numbers that are none, texts that mean something to somebody else."""

from __future__ import annotations

from sample_data.hostile_draw import ORDER_ID, QUARANTINED, Build, Draw, Made, text, with_value

DATES = (
    "2/30/2024", "2/29/2023", "13/1/2024", "0/0/0000", "4/31/2024", "1/32/2024", "2024-01-31", "31.12.2024", "1/1/24",
    "1/1/1899", "1/1/2100", "1/1/20240", "45321", "1/1/2024 00:00", "Jan 1, 2024", "١/١/٢٠٢٤", "1/1/2024x", "-1/1/2024",
    "null", "9/31/2024 ", "1//2024", "1/1/２０２４",
)  # fmt: skip
NUMBERS = (
    "1e308", "1E400", "NaN", "nan", "Infinity", "-Infinity", "inf", "0x10", "1_000", "1,000", "1 000", "1\u00a0000",
    "٣٤",
    "１２", "१२", "--1", "+-1", ".", "1e-2", "1.5.5", "5-", "(5)", "$5", "€5", "−5", "1/2", "½", "1e2",
    "99999999999999999999",
    "9" * 400, "0b11", "TRUE", "#REF!", "#DIV/0!", "", "1\u200b1", "1;2", "１２３", "1d", "1f", "1L",
)  # fmt: skip
FORMULAS = (
    "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://example.com\",\"x\")", "+1+1", "-2+3", "@SUM(A1:A9)", "=1+1\";=1+1",
    "|calc", "%0A=1", "\t=1+1", "=DDE(\"cmd\";\"/C calc\";\"1\")",
)  # fmt: skip
CODE = (
    "'; drop table sales_records; --", "${jndi:ldap://example.com/a}", "{{7*7}}", "<script>alert(1)</script>",
    "../../etc",
    "`id`", "$(id)", "%s%s%n", "\\x00", "NULL", "None", "undefined", "true", "[]", "{}", "😀" * 20, "e\u0301", "é",
    "\u202eлоБ", "ﷺ", "T̷̢̛͖", "🏳️‍🌈", "a" * 60, "東京",
)  # fmt: skip
MEASURES = (
    "Units Sold",
    "Unit Price",
    "Unit Cost",
    "Total Revenue",
    "Total Cost",
    "Total Profit",
    "Order ID",
)


def date_that_is_none(draw: Draw) -> Made:
    """One date that does not exist, is written otherwise, or lies outside the contract."""
    changed, row = with_value(
        draw, draw.random.choice(("Order Date", "Ship Date")), draw.pick(DATES)
    )
    return Made(body=changed.encode(), fates=QUARANTINED, bad_rows=(row,))


def number_that_is_none(draw: Draw) -> Made:
    """One number that is none, or too large, or in other digits."""
    changed, row = with_value(draw, draw.random.choice(MEASURES), draw.pick(NUMBERS))
    return Made(body=changed.encode(), fates=QUARANTINED, bad_rows=(row,))


def number_out_of_range(draw: Draw) -> Made:
    """Well written and not allowed: too many decimals, below the least, beyond the type."""
    column, value = draw.pick(
        (("Unit Price", "1.234"), ("Units Sold", "0"), ("Units Sold", "-5"), ("Units Sold", "100001"),
         ("Units Sold", "2147483648"), ("Order ID", "9223372036854775808"), ("Total Revenue", "-0.01"),
         ("Order ID", "0"), ("Unit Cost", "-1"), ("Unit Price", "123456789.00"), ("Units Sold", "1.5"),
         ("Total Profit", "9999999999999.99"))
    )  # fmt: skip
    changed, row = with_value(draw, column, value)
    return Made(body=changed.encode(), fates=QUARANTINED, bad_rows=(row,))


def formula(draw: Draw) -> Made:
    """What a spreadsheet would execute: kept as the text it is."""
    return Made(body=with_value(draw, "Country", draw.pick(FORMULAS))[0].encode())


def code(draw: Draw) -> Made:
    """What a database, a shell, a browser or a template would execute, and letters that few systems survive."""
    return Made(
        body=with_value(draw, draw.random.choice(("Region", "Country")), draw.pick(CODE))[
            0
        ].encode()
    )


def text_not_allowed(draw: Draw) -> Made:
    """Empty, blank, too long, in quotes of its own, or not among the values of the contract."""
    column, value = draw.pick(
        (("Country", ""), ("Region", " \t "), ("Country", "\u00a0"), ("Region", "x" * 61), ("Sales Channel", "online"),
         ("Sales Channel", "On\u200bline"), ("Country", '"Japan"'), ("Region", '" Asia"'),
         ("Order Priority", "С"), ("Order Priority", "CC"), ("Item Type", ""))
    )  # fmt: skip
    changed, row = with_value(draw, column, value)
    return Made(body=changed.encode(), fates=QUARANTINED, bad_rows=(row,))


def totals_that_do_not_add_up(draw: Draw) -> Made:
    """Money that parses and is wrong by a cent or by billions."""
    column, value = draw.pick(
        (
            ("Total Revenue", "0.00"),
            ("Total Cost", "999999999999.99"),
            ("Total Profit", "0.00"),
            ("Total Profit", "-1"),
        )
    )
    changed, row = with_value(draw, column, value)
    return Made(body=changed.encode(), fates=QUARANTINED, bad_rows=(row,))


def repeated_order(draw: Draw) -> Made:
    """The same order several times in one file: the last record wins."""
    records = draw.records()
    copies = draw.pick((1, 3, 10))
    for index in range(copies):
        records[-1 - index][ORDER_ID] = records[0][ORDER_ID]
    return Made(body=text(records).encode(), repeated=copies)


def blanks_around(draw: Draw) -> Made:
    """Blanks around values are not part of them."""
    blank = draw.pick((" ", "\t", "\u00a0", "   ", "\u200b", "\u202f ", "\u3000", "\ufeff"))
    records = [[f"{blank}{value}{blank}" for value in record] for record in draw.records()]
    return Made(body=text(records).encode())


def all_bad(draw: Draw) -> Made:
    """Two records, both with the day before the month: nothing of the file can be loaded."""
    records = draw.records(2)
    for record in records:
        record[5], record[7] = "31/12/2024", "31/1/2025"
    return Made(body=text(records).encode(), fates=QUARANTINED, rows=2, bad_rows=(1, 2))


def numbers_in_other_words(draw: Draw) -> Made:
    """The same numbers with zeros before and behind them: nothing is lost."""
    spell = draw.pick(("{:s}0", "000{:s}", "0{:s}00", "+{:s}"))
    records = draw.records()
    for record in records:
        record[9:13] = [spell.format(value) for value in record[9:13]]
        record[8] += draw.pick(("", ".", ".0", ".000"))
    return Made(body=text(records).encode())


VALUE_KINDS: dict[str, Build] = {
    build.__name__: build
    for build in (
        date_that_is_none, number_that_is_none, number_out_of_range, formula, code, text_not_allowed,
        totals_that_do_not_add_up, repeated_order, blanks_around, numbers_in_other_words, all_bad,
    )
}  # fmt: skip
